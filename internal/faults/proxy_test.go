package faults_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between jobdb and a database server, and can keep the server's answers back.
type proxy struct {
	address string // the database's URL, through here

	mutex sync.Mutex
	held  chan struct{} // closed when answers go on; nil: they do
}

func newProxy(t *testing.T, database string) *proxy {
	t.Helper()
	target, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := target.Host
	target.Host = listener.Addr().String()
	p := &proxy{address: target.String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.letGo()
		all.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn, server string) {
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(upstream, client)
		_ = upstream.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := upstream.Read(buffer)
		p.wait()
		if _, writeErr := client.Write(buffer[:n]); err != nil || writeErr != nil {
			break
		}
	}
	_ = client.Close()
	_ = upstream.Close()
	both.Wait()
}

func (p *proxy) wait() {
	p.mutex.Lock()
	held := p.held
	p.mutex.Unlock()
	if held != nil {
		<-held
	}
}

// hold keeps all answers back until letGo.
func (p *proxy) hold() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.held = make(chan struct{})
}

func (p *proxy) letGo() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}
