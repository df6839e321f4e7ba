package servers_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/servers"
)

// echo listens, answers every line with itself, and counts lines.
func echo(t testing.TB) (addr string, lines *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lines = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					lines.Add(1)
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), lines
}

// A caller is a connection on which one line is asked after the other.
type caller struct {
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, p *servers.Proxy) caller {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return caller{c, bufio.NewReader(c)}
}

func (c caller) ask(line string, patience time.Duration) (string, error) {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	answer, err := c.r.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

const soon = 5 * time.Second

func (c caller) works(t *testing.T) {
	t.Helper()
	if got, err := c.ask("hello", soon); err != nil || got != "hello" {
		t.Errorf("the answer is %q, %v", got, err)
	}
}

func (c caller) fails(t *testing.T) {
	t.Helper()
	if got, err := c.ask("hello", soon); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the answer is %q, %v, want a connection that is cut", got, err)
	}
}

func TestProxy(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, p *servers.Proxy, lines *atomic.Int64)
	}{
		{"cut", func(t *testing.T, p *servers.Proxy, _ *atomic.Int64) {
			a, b := dial(t, p), dial(t, p)
			a.works(t)
			b.works(t)
			p.Cut()
			a.fails(t)
			b.fails(t)
			dial(t, p).works(t)
		}},
		{"refuse", func(t *testing.T, p *servers.Proxy, lines *atomic.Int64) {
			a := dial(t, p)
			a.works(t)
			p.Refuse(true)
			if c, err := net.Dial("tcp", p.Addr()); err == nil { // or it was cut before the dial was done
				caller{c, bufio.NewReader(c)}.fails(t)
				c.Close()
			}
			a.works(t)
			if got := lines.Load(); got != 2 {
				t.Errorf("%d lines arrived, want 2", got)
			}
			p.Refuse(false)
			dial(t, p).works(t)
		}},
		{"mute", func(t *testing.T, p *servers.Proxy, lines *atomic.Int64) {
			a := dial(t, p)
			p.Mute(true)
			if got, err := a.ask("hello", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the answer is %q, %v, want none", got, err)
			}
			for until := time.Now().Add(soon); lines.Load() != 1; time.Sleep(time.Millisecond) {
				if time.Now().After(until) {
					t.Fatalf("%d lines arrived, want 1", lines.Load())
				}
			}
			time.Sleep(50 * time.Millisecond) // for the answer, which is thrown away
			p.Mute(false)
			a.works(t)
		}},
		{"delay", func(t *testing.T, p *servers.Proxy, _ *atomic.Int64) {
			a := dial(t, p)
			p.Delay(50 * time.Millisecond)
			began := time.Now()
			a.works(t)
			if took := time.Since(began); took < 50*time.Millisecond {
				t.Errorf("it took %v", took)
			}
		}},
		{"cut after", func(t *testing.T, p *servers.Proxy, _ *atomic.Int64) {
			a, b := dial(t, p), dial(t, p)
			b.works(t)
			p.CutAfter(8)
			a.works(t) // six bytes
			if got, err := a.ask("hello", soon); err == nil || got != "he" {
				t.Errorf("the answer is %q, %v, want two bytes of it", got, err)
			}
			b.fails(t)
			dial(t, p).works(t)
		}},
		{"lose", func(t *testing.T, p *servers.Proxy, lines *atomic.Int64) {
			a, b := dial(t, p), dial(t, p)
			p.LoseReply("secret")
			a.works(t)
			b.works(t)
			if got, err := a.ask("the secret", soon); err == nil || got != "" {
				t.Errorf("the answer is %q, %v, want none", got, err)
			}
			if got := lines.Load(); got != 3 || p.Lost() != 1 {
				t.Errorf("%d lines arrived and %d replies were lost, want 3 and 1", got, p.Lost())
			}
			b.works(t)
			if got, err := b.ask("the secret", soon); err != nil || got != "the secret" {
				t.Errorf("the next time the answer is %q, %v", got, err)
			}
		}},
		{"lose the third", func(t *testing.T, p *servers.Proxy, lines *atomic.Int64) {
			a, b := dial(t, p), dial(t, p)
			p.LoseReplyAt(3)
			a.works(t)
			b.works(t)
			b.fails(t)
			a.works(t)
			if got := lines.Load(); got != 4 || p.Lost() != 1 {
				t.Errorf("%d lines arrived and %d replies were lost, want 4 and 1", got, p.Lost())
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, lines := echo(t)
			test.do(t, servers.NewProxy(t, addr), lines)
		})
	}
}

// A server that does not listen is no reason to let anybody wait.
func TestProxyWithoutServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	dial(t, servers.NewProxy(t, l.Addr().String())).fails(t)
}

func ExampleNewProxy() {
	t := &testing.T{} // the test's own
	addr, lines := echo(t)
	p := servers.NewProxy(t, addr)
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	p.LoseReply("commit")
	fmt.Fprintln(c, "commit")
	_, err = bufio.NewReader(c).ReadString('\n')
	fmt.Println("failed:", err != nil, "done:", lines.Load())
	// Output: failed: true done: 1
}
