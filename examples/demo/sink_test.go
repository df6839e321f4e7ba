package main

import (
	"bufio"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
)

// A sink is a mail server that takes everything and keeps it: it outlives the demos
// that are killed. That ours speak with one that we did not write is tested where they
// are, in contrib/mail.
type sink struct {
	net.Listener
	mu   sync.Mutex
	mail []sunk // oldest first
}

// A sunk is a message that was taken.
type sunk struct{ id, to, subject, text string }

func newSink(t testing.TB) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// serve speaks as much of RFC 5321 as a client needs.
func (s *sink) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") } // or the client has gone
	say("220 sink")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(verb, "EHLO"):
			say("250-sink\r\n250 8BITMIME")
		case verb == "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				data.WriteString(strings.TrimPrefix(line, "."))
			}
			s.keep(data.String())
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func (s *sink) keep(data string) {
	m, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		return
	}
	got := sunk{id: m.Header.Get("Message-Id"), to: strings.Trim(m.Header.Get("To"), "<>")}
	got.subject, _ = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	_, params, _ := mime.ParseMediaType(m.Header.Get("Content-Type"))
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			break
		}
		var body io.Reader = p
		if strings.EqualFold(p.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(p)
		}
		if b, err := io.ReadAll(body); err == nil && strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			got.text = string(b)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail = append(s.mail, got)
}

// after returns what was taken, newest first, after n that are known.
func (s *sink) after(n int) (list []sunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.mail) - 1; i >= n; i-- {
		list = append(list, s.mail[i])
	}
	return list
}

// count returns how many messages were taken.
func (s *sink) count() int { return len(s.after(0)) }
