// TCPCore
