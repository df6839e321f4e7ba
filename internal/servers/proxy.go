package servers

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between clients and a server, on the loopback interface, and
// loses connections and replies when a test says so. It passes everything on
// until then. Make one with [NewProxy]. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	to       string

	mu      sync.Mutex
	pairs   map[*pair]bool
	refuses bool
	mute    bool
	delay   time.Duration
	left    int64  // how many bytes of replies pass yet; -1: any number
	lose    []byte // what is in the request whose reply is lost; nil: none
	loseAt  int    // how many requests it is until that one; 0: none
	lost    int
	closed  bool
	all     sync.WaitGroup
}

// A pair is a connection of a client and the one to the server that belongs to
// it.
type pair struct {
	client, server net.Conn
	gone           chan struct{} // closed with it
	once           sync.Once
	losing         bool // under the Proxy's lock: the next reply is lost
}

func (c *pair) cut() {
	c.once.Do(func() {
		close(c.gone)
		for _, conn := range []net.Conn{c.client, c.server} {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, as when a machine dies
			}
			_ = conn.Close()
		}
	})
}

// NewProxy returns a Proxy in front of what listens at to, such as [Server.Addr].
// It ends with the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, to: to, pairs: map[*pair]bool{}, left: -1}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		_ = l.Close()
		p.Cut()
		p.all.Wait()
	})
	return p
}

// Addr returns where it listens, such as "127.0.0.1:40123".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut cuts all connections. New ones are let in, unless [Proxy.Refuse] says
// otherwise.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAll()
}

func (p *Proxy) cutAll() {
	for c := range p.pairs {
		c.cut()
	}
}

// Refuse says whether new connections are cut at once.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuse
}

// Mute says whether replies are thrown away: requests reach the server, and
// clients wait.
func (p *Proxy) Mute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

// Delay makes every reply wait for d.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// CutAfter cuts all connections when n more bytes of replies have passed, once.
func (p *Proxy) CutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
}

// LoseReply passes the next request on that has these bytes in it, such as
// "commit", throws the reply away, and cuts the connection: the server did it, and
// nobody knows. All other connections go on.
func (p *Proxy) LoseReply(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = []byte(to)
}

// LoseReplyAt is LoseReply for the k-th request from now, counted from 1, over all
// connections. A request is what a client sends without waiting.
func (p *Proxy) LoseReplyAt(k int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loseAt = k
}

// Lost returns how many replies LoseReply and LoseReplyAt have lost.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.all.Go(func() { p.serve(client) })
		}
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout("tcp", p.to, 5*time.Second)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &pair{client: client, server: server, gone: make(chan struct{})}
	p.mu.Lock()
	if p.refuses || p.closed {
		p.mu.Unlock()
		c.cut()
		return
	}
	p.pairs[c] = true
	p.mu.Unlock()
	defer func() {
		c.cut()
		p.mu.Lock()
		delete(p.pairs, c)
		p.mu.Unlock()
	}()
	p.all.Go(func() {
		defer c.cut()
		pump(client, server, func(request []byte) ([]byte, bool) { return request, p.request(c, request) })
	})
	pump(server, client, func(reply []byte) ([]byte, bool) { return p.reply(c, reply) })
}

// pump passes on what see returns of what was read, until it says no.
func pump(from, to net.Conn, see func(b []byte) ([]byte, bool)) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			b, more := see(buf[:n])
			if _, err := to.Write(b); err != nil || !more {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) request(c *pair, b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose != nil && bytes.Contains(b, p.lose) {
		p.lose, c.losing = nil, true
	}
	if p.loseAt > 0 {
		if p.loseAt--; p.loseAt == 0 {
			c.losing = true
		}
	}
	return true
}

func (p *Proxy) reply(c *pair, b []byte) ([]byte, bool) {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-c.gone:
			return nil, false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.losing:
		p.lost++
		return nil, false
	case p.mute:
		return nil, true
	case p.left >= 0:
		b = b[:min(int64(len(b)), p.left)]
		if p.left -= int64(len(b)); p.left == 0 {
			p.left = -1
			for other := range p.pairs {
				if other != c {
					other.cut()
				}
			}
			return b, false
		}
	}
	return b, true
}
