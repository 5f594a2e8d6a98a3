package faults_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between jobdb and a database server, and does to their connections what networks do.
type proxy struct {
	address string // the database's URL, through here

	mutex       sync.Mutex
	held        chan struct{} // closed when answers go on; nil: they do
	onlyCommits bool          // only answers to COMMIT and ROLLBACK are held
	slow        time.Duration // how much later each answer arrives
	links       map[*link]bool
}

// link is a connection through the proxy.
type link struct {
	client, server net.Conn
	commits        atomic.Bool   // what the client sent last ends a transaction
	closed         chan struct{} // when the client has gone
	silent         atomic.Bool   // the client hears nothing any more
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
	p := &proxy{address: target.String(), links: map[*link]bool{}}
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
		p.cut()
		all.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	l := &link{client: client, server: upstream, closed: make(chan struct{})}
	p.mutex.Lock()
	p.links[l] = true
	p.mutex.Unlock()
	var both sync.WaitGroup
	both.Go(l.ask)
	p.answer(l)
	if l.silent.Load() {
		<-l.closed
	}
	_ = client.Close()
	both.Wait()
	p.mutex.Lock()
	delete(p.links, l)
	p.mutex.Unlock()
}

// ask passes on what the client sends.
func (l *link) ask() {
	defer close(l.closed)
	defer l.server.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			return
		}
		sent := bytes.ToUpper(buffer[:min(n, 32)])
		l.commits.Store(bytes.Contains(sent, []byte("COMMIT")) || bytes.Contains(sent, []byte("ROLLBACK")))
		if _, err := l.server.Write(buffer[:n]); err != nil && !l.silent.Load() {
			return
		}
	}
}

// answer passes on what the server answers, when it may.
func (p *proxy) answer(l *link) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buffer)
		if err != nil || l.silent.Load() {
			return
		}
		p.wait(l)
		if _, err := l.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) wait(l *link) {
	p.mutex.Lock()
	held, slow := p.held, p.slow
	if p.onlyCommits && !l.commits.Load() {
		held = nil
	}
	p.mutex.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-l.closed:
		}
	}
	time.Sleep(slow)
}

// hold keeps all answers back until letGo.
func (p *proxy) hold() { p.keep(false) }

// holdCommits keeps answers to the ends of transactions back until letGo.
func (p *proxy) holdCommits() { p.keep(true) }

func (p *proxy) keep(onlyCommits bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.held, p.onlyCommits = make(chan struct{}), onlyCommits
}

func (p *proxy) letGo() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// delay lets each answer arrive so much later.
func (p *proxy) delay(by time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.slow = by
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for l := range p.links {
		_ = l.client.Close()
		_ = l.server.Close()
	}
}
