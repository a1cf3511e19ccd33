import Glibc

// load MEASURE HOST PORT NUMBERS... loads a server from kernel sockets and prints one line.
let words = CommandLine.arguments.dropFirst().map { $0 }
guard words.count >= 4, let port = UInt16(words[2]) else {
  fail("usage: load sink|source|echo|connect|idle HOST PORT SECONDS|COUNT [CONNECTIONS [SIZE]]")
}
let target = Target(host: words[1], port: port)
let amount = Double(words[3]) ?? 1
let connections = words.count > 4 ? Int(words[4]) ?? 1 : 1
let size = words.count > 5 ? Int(words[5]) ?? 64 : 64
signal(SIGPIPE, SIG_IGN)
switch words[0] {
case "sink": measureSink(target, seconds: amount, connections: connections)
case "source": measureSource(target, seconds: amount, connections: connections)
case "echo": measureEcho(target, seconds: amount, connections: connections, size: size)
case "connect":
  measureConnect(target, seconds: amount, parallel: connections, limit: 50_000)
case "idle": holdIdle(target, count: Int(amount))
default: fail("no measure is called \(words[0])")
}
