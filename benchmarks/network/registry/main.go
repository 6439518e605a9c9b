// A registry that answers as Azure Container Registry does, for the benchmarks on a line with latency.
//
//	registry CERTIFICATE KEY CONTROL STORAGE=LISTEN REGISTRY=LISTEN...
//
// Each STORAGE and REGISTRY is a host, with a port unless it is 443, under which clients know it; LISTEN is where it
// listens. CONTROL is a socket of its own for the benchmark (control.go). All content is kept in memory. The digest of
// a manifest is computed; a blob is believed to have the digest that its client names, so that no client waits for a
// hash. The process ends when its stdin does.
package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

type connectionKey struct{}

// listen serves a host over TLS, by HTTP/1.1, and counts what comes.
func listen(c *counter, pair tls.Certificate, host, address string, handler http.Handler) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Handler:   c.counted(host, handler),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}},
		ErrorLog:  log.New(io.Discard, "", 0),
		ConnState: c.connection(host),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, conn)
		},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
	}
	go func() { log.Fatal(server.ServeTLS(listener, "", "")) }()
}

func pairOf(argument string) (string, string) {
	host, address, found := strings.Cut(argument, "=")
	if !found {
		log.Fatalf("%s: HOST=LISTEN is needed", argument)
	}
	return host, address
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 6 {
		log.Fatal("registry CERTIFICATE KEY CONTROL STORAGE=LISTEN REGISTRY=LISTEN...")
	}
	pair, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	c, contents := newCounter(), &store{blobs: map[string]*content{}}
	storageHost, address := pairOf(os.Args[4])
	listen(c, pair, storageHost, address, contents)
	registries := map[string]*registry{}
	for _, argument := range os.Args[5:] {
		host, address := pairOf(argument)
		registries[host] = newRegistry(host, storageHost, contents)
		listen(c, pair, host, address, registries[host])
	}
	control, err := net.Listen("unix", os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(control, &controller{c, contents, registries})) }()
	os.Stdout.WriteString("ready\n")
	io.Copy(io.Discard, os.Stdin)
}
