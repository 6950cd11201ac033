// Command relay is what the SQL gate is measured against: for each session two
// goroutines that copy bytes, one each way, and nothing else. It parses nothing
// and checks nothing. With -splice the kernel moves the bytes (io.Copy between
// two sockets), which takes more system calls for a short message.
package main

import (
	"flag"
	"io"
	"log"
	"net"
)

// size is that of the gate's own buffers.
const size = 32 << 10

func main() {
	listen := flag.String("listen", "127.0.0.1:6432", "where clients connect")
	upstream := flag.String("upstream", "127.0.0.1:5432", "the server")
	splice := flag.Bool("splice", false, "let the kernel move the bytes")
	flag.Parse()
	pass := pass
	if *splice {
		pass = func(to, from *net.TCPConn) { io.Copy(to, from) }
	}
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
		go half(pass, server.(*net.TCPConn), client.(*net.TCPConn))
		go half(pass, client.(*net.TCPConn), server.(*net.TCPConn))
	}
}

// half is one direction of a session; where it ends, so does the other.
func half(pass func(to, from *net.TCPConn), to, from *net.TCPConn) {
	pass(to, from)
	to.Close()
	from.Close()
}

func pass(to, from *net.TCPConn) {
	buf := make([]byte, size)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // the session is over, however it ended
		}
	}
}
