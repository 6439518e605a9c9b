package main

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// counter knows how many requests and connections there were since it was reset.
type counter struct {
	mu          sync.Mutex
	requests    map[string]int // by host
	kinds       map[string]int // by method, kind and status
	connections map[string]int // by host: those that carried a request
	open, most  map[string]int // by host: of these, at once
	sent        map[string]int64
	received    map[string]int64
	seen        map[net.Conn]bool
	busy        int // requests that are being answered
}

func newCounter() *counter {
	c := &counter{}
	c.reset()
	return c
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests, c.kinds, c.connections = map[string]int{}, map[string]int{}, map[string]int{}
	c.sent, c.received, c.seen = map[string]int64{}, map[string]int64{}, map[net.Conn]bool{}
	c.open, c.most = map[string]int{}, map[string]int{}
}

// settle waits until all requests are answered: a client may have an answer before it is counted.
func (c *counter) settle() {
	for patience := 1000; patience > 0; patience-- {
		c.mu.Lock()
		busy := c.busy
		c.mu.Unlock()
		if busy == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *counter) told() map[string]any {
	c.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	total := func(of map[string]int) (sum int) {
		for _, count := range of {
			sum += count
		}
		return
	}
	most := 0
	for _, count := range c.most {
		most = max(most, count)
	}
	var sent, received int64
	for _, bytes := range c.sent {
		sent += bytes
	}
	for _, bytes := range c.received {
		received += bytes
	}
	return map[string]any{"requests": total(c.requests), "connections": total(c.connections), "at_once": most,
		"kinds": copied(c.kinds), "by_host": copied(c.requests), "sent": sent, "received": received}
}

func copied(from map[string]int) map[string]int {
	to := map[string]int{}
	for key, value := range from {
		to[key] = value
	}
	return to
}

// connection forgets connections that are closed. One of an earlier job was not counted, and is not missed.
func (c *counter) connection(host string) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if state == http.StateClosed && c.seen[conn] {
			c.open[host]--
			delete(c.seen, conn)
		}
	}
}

// kindOf is what a path is about, without names.
func kindOf(path string) string {
	for _, kind := range []string{"/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list", "/referrers/", "/_tags"} {
		if strings.Contains(path, kind) {
			return strings.Trim(kind, "/")
		}
	}
	if strings.HasPrefix(path, "/store/") {
		return "store"
	}
	return strings.Trim(path, "/")
}

// measured is a response that knows its status and size.
type measured struct {
	http.ResponseWriter
	status int
	size   int64
}

func (m *measured) WriteHeader(status int) {
	m.status = status
	m.ResponseWriter.WriteHeader(status)
}

func (m *measured) Write(data []byte) (int, error) {
	count, err := m.ResponseWriter.Write(data)
	m.size += int64(count)
	return count, err
}

// Unwrap is for http.ResponseController.
func (m *measured) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// tally is the body of a request that knows how much of it was read. Its length is not always told before.
type tally struct {
	io.ReadCloser
	size int64
}

func (t *tally) Read(into []byte) (int, error) {
	count, err := t.ReadCloser.Read(into)
	t.size += int64(count)
	return count, err
}

// counted counts a request when it comes, and its bytes and status at its end. A request counts where it came.
func (c *counter) counted(host string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
		c.mu.Lock()
		c.requests[host]++
		c.busy++
		if !c.seen[conn] {
			c.seen[conn] = true
			c.connections[host]++
			c.open[host]++
			c.most[host] = max(c.most[host], c.open[host])
		}
		c.mu.Unlock()
		answer, body := &measured{w, 200, 0}, &tally{ReadCloser: r.Body}
		r.Body = body
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.busy--
			c.kinds[r.Method+" "+kindOf(r.URL.Path)+" "+strconv.Itoa(answer.status)]++
			c.sent[host] += answer.size
			c.received[host] += body.size
		}()
		handler.ServeHTTP(answer, r)
	})
}
