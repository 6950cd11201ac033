// Command relay is what the SQL gate is measured against: for each session two
// goroutines that copy bytes, one each way, and nothing else. It parses nothing
// and checks nothing. It reads and writes by a buffer, as the gate does: io.Copy
// between two sockets has the kernel move the bytes, which is made for long ones.
package main

import (
	"flag"
	"log"
	"net"
)

// size is that of the gate's own buffers.
const size = 32 << 10

func main() {
	listen := flag.String("listen", "127.0.0.1:6432", "where clients connect")
	upstream := flag.String("upstream", "127.0.0.1:5432", "the server")
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal("relay: -listen: ", err)
	}
	for {
		client, err := ln.Accept()
		if err != nil {
			log.Fatal("relay: accepting: ", err)
		}
		server, err := net.Dial("tcp", *upstream)
		if err != nil {
			log.Print("relay: -upstream: ", err)
			client.Close()
			continue
		}
		go half(server, client)
		go half(client, server)
	}
}

// half is one direction of a session; where it ends, so does the other, however
// that was.
func half(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, size)
	for {
		n, err := from.Read(buf)
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}
