import Octets
import Stack
import TCPCore
import Testing
import Wire

@Suite("A host: the memory of all buffers together")
struct BufferMemoryTests {
  @Test("what connections hold is counted, and given back when they go")
  func counted() throws {
    let bench = Bench()
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    #expect(bench.stack.bufferMemory == 0)
    bench.arrive(peer.packet([.ack, .psh], [1, 2, 3]))
    peer.next += 3
    #expect(bench.stack.bufferMemory == 512)
    #expect(try bench.send(socket, [UInt8](repeating: 1, count: 5000)) == 5000)
    #expect(bench.stack.bufferMemory == 512 + 8192)
    bench.stack.abort(socket, at: bench.now)
    _ = bench.flush()
    #expect(bench.stack.bufferMemory == 0)
  }

  @Test("at the bound nobody's buffers grow, and what does not fit is dropped and counted")
  func bound() throws {
    let bench = Bench { $0.maximumBufferMemory = 4096 }
    let listener = try bench.stack.listen(at: SocketAddress(.any, 25))
    var peer = try #require(bench.connect())
    let socket = try #require(try bench.accept(listener))
    // The first write finds room for all; from then on each ring has what it has, or 2,048 octets.
    #expect(try bench.send(socket, [UInt8](repeating: 1, count: 5000)) == 5000)
    _ = bench.flush()
    #expect(try bench.send(socket, [UInt8](repeating: 1, count: 5000)) == 8192 - 5000)
    let big = [UInt8](repeating: 7, count: 1400)
    bench.arrive(peer.packet([.ack, .psh], big))
    peer.next += 1400
    bench.arrive(peer.packet([.ack, .psh], big))
    #expect(bench.stack.receivable(socket) == 2048)
    #expect(bench.stack.counters.tcp.count(.dropMemory) == 1)
    #expect(bench.stack.bufferMemory == 8192 + 2048)
    // Read, and there is room again.
    #expect(try bench.read(socket).count == 2048)
    peer.next += 648
    bench.arrive(peer.packet([.ack, .psh], big))
    #expect(bench.stack.receivable(socket) == 1400)
  }
}
