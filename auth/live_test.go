package auth_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

func dial(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// everywhere returns h behind all that Gatehouse puts around handlers.
func everywhere(t *testing.T, s *site, h http.Handler) map[string]http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", h)
	protected, err := s.m.Protect(mux)
	if err != nil {
		t.Fatal(err)
	}
	public, err := s.m.Protect(mux, "/")
	if err != nil {
		t.Fatal(err)
	}
	mounted := http.NewServeMux()
	mounting, err := auth.New(auth.UserFunc(s.accounts.byID), s.store, &auth.Options{
		Providers: []auth.Provider{trust{}, serving{h}}, Pages: plain{}, Now: s.clock.Now, Prefix: "/live", Authorizer: anything, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mounting.Mount(mounted)
	all := map[string]http.Handler{
		"Handler": s.m.Handler(h), "Protect": s.m.Handler(protected), "Protect, public": s.m.Handler(public),
		"RequireUser": s.m.Handler(s.m.RequireUser(h)), "WithUser": s.m.Handler(s.m.WithUser(h)),
		"RequireFresh": s.m.Handler(s.m.RequireFresh(time.Hour)(h)), "Require": s.m.Handler(s.m.Require("x")(h)),
		"LoginAt": s.m.Handler(s.m.LoginAt(func(*http.Request) string { return "/in" })(s.m.RequireUser(h))),
		"Mount":   mounting.Handler(mounted),
	}
	return all
}

var anything = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return nil })

// serving is a provider whose one route is the host's handler.
type serving struct{ h http.Handler }

func (serving) Name() string { return "serving" }

func (p serving) Mount(_ *auth.Manager, mux auth.Mux) error {
	mux.Handle("GET /here", p.h)
	return nil
}

// Nothing that Gatehouse puts around a handler hides what the connection can do.
func TestResponseControllerEverywhere(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Authorizer = anything })
	failed := make(chan error, 1)
	able := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		soon := time.Now().Add(10 * time.Second)
		err := errors.Join(c.SetReadDeadline(soon), c.SetWriteDeadline(soon), c.EnableFullDuplex())
		if _, ok := w.(http.Flusher); !ok {
			err = errors.Join(err, errors.New("it is no Flusher"))
		}
		if _, ok := w.(io.ReaderFrom); !ok {
			err = errors.Join(err, errors.New("it is no ReaderFrom"))
		}
		err = errors.Join(err, c.Flush())
		conn, _, hijacked := c.Hijack()
		if failed <- errors.Join(err, hijacked); hijacked == nil {
			conn.Close()
		}
	})
	// Remembered browsers are looked at before the handler runs.
	for name, h := range everywhere(t, s, able) {
		for _, remembered := range []bool{false, true} {
			ada := s.browser()
			ada.post("/auth/trust?user=ada&remember=1", "")
			if remembered {
				delete(ada.cookies, "__Host-sid")
				if name == "RequireFresh" {
					continue // never
				}
			} else {
				delete(ada.cookies, "__Host-remember")
			}
			srv := httptest.NewServer(h)
			conn := dial(t, srv)
			r := ada.request("GET", "/live/here", "")
			if err := r.Write(conn); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), r)
			if err != nil || res.StatusCode != 200 {
				t.Errorf("%s: %v, %v", name, res, err)
				conn.Close()
				srv.Close()
				continue
			}
			if err := <-failed; err != nil {
				t.Errorf("%s, remembered %v: %v", name, remembered, err)
			}
			conn.Close()
			srv.Close()
		}
	}
}

// events sends a line now and one whenever something happens, until the login ends.
func events(m *auth.Manager, sent chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := m.Watch(r.Context(), time.Hour)
		defer stop()
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: hello\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			sent <- err
			return
		}
		<-ctx.Done()
		fmt.Fprint(w, "event: bye\ndata: log in again\n\n")
		sent <- context.Cause(ctx)
	})
}

// A log-out in another request ends a stream at once, for everybody who watches
// it.
func TestServerSentEventsEndWithTheLogin(t *testing.T) {
	s := newSite(t, nil)
	sent := make(chan error, 4)
	mux := http.NewServeMux()
	s.m.Mount(mux)
	mux.Handle("GET /events", events(s.m, sent))
	protected, err := s.m.Protect(mux)
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"Protect": protected, "RequireUser": s.m.RequireUser(events(s.m, sent))} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(s.m.Handler(h))
			defer srv.Close()
			ada := s.browser().logIn("ada")
			var streams [2]*bufio.Reader
			for i := range streams {
				conn := dial(t, srv)
				if err := ada.request("GET", "/events", "").Write(conn); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || res.StatusCode != 200 {
					t.Fatal(res, err)
				}
				streams[i] = bufio.NewReader(res.Body)
				if line, err := streams[i].ReadString('\n'); err != nil || line != "data: hello\n" {
					t.Fatalf("%q, %v", line, err)
				}
			}
			ada.post("/auth/logout", "")
			for _, stream := range streams {
				rest, err := io.ReadAll(stream)
				if err != nil || !strings.HasSuffix(string(rest), "event: bye\ndata: log in again\n\n") {
					t.Errorf("%q, %v", rest, err)
				}
				if cause := <-sent; !errors.Is(cause, auth.ErrNoCredentials) {
					t.Errorf("it ended with %v", cause)
				}
			}
		})
	}
}

// A client that goes away ends the watch as well.
func TestWatchEndsWithTheClient(t *testing.T) {
	s := newSite(t, nil)
	sent := make(chan error, 1)
	srv := httptest.NewServer(s.m.Handler(s.m.RequireUser(events(s.m, sent))))
	defer srv.Close()
	conn := dial(t, srv)
	if err := s.browser().logIn("ada").request("GET", "/events", "").Write(conn); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if cause := <-sent; cause != context.Canceled {
		t.Errorf("it ended with %v", cause)
	}
}

// socket takes the connection over as a WebSocket does (RFC 6455, section 4.2.2),
// leaves it to a goroutine, and closes it when the login ends.
func socket(m *auth.Manager, closed chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			http.Error(w, "upgrade", http.StatusUpgradeRequired)
			return
		}
		ctx, stop := m.Watch(context.WithoutCancel(r.Context()), time.Hour)
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			stop()
			closed <- err
			return
		}
		accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(accept[:]))
		who, _ := auth.UserFrom[*account](ctx)
		buf.Write(append([]byte{0x81, byte(len(who.id))}, who.id...)) // one text frame
		buf.Flush()
		go func() {
			defer stop()
			<-ctx.Done()
			buf.Write([]byte{0x88, 2, 4401 >> 8, 4401 & 0xff}) // a close frame
			buf.Flush()
			conn.Close()
			closed <- context.Cause(ctx)
		}()
	})
}

// A log-out in another request closes a hijacked connection at once, although its
// handler has returned long ago.
func TestWebSocketClosesWithTheLogin(t *testing.T) {
	s := newSite(t, nil)
	closed := make(chan error, 1)
	mux := http.NewServeMux()
	s.m.Mount(mux)
	mux.Handle("GET /socket", socket(s.m, closed))
	protected, err := s.m.Protect(mux)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.m.Handler(protected))
	defer srv.Close()
	ada := s.browser().logIn("ada")
	ada.header.Set("Upgrade", "websocket")
	ada.header.Set("Connection", "Upgrade")
	ada.header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	conn := dial(t, srv)
	if err := ada.request("GET", "/socket", "").Write(conn); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatal(res, err)
	}
	hello := make([]byte, 5)
	if _, err := io.ReadFull(in, hello); err != nil || string(hello[2:]) != "ada" {
		t.Fatalf("%q, %v", hello, err)
	}
	select {
	case cause := <-closed:
		t.Fatalf("it was closed before: %v", cause)
	case <-time.After(50 * time.Millisecond):
	}
	ada.post("/auth/logout", "")
	rest, err := io.ReadAll(in)
	if err != nil || string(rest) != "\x88\x02\x11\x31" {
		t.Errorf("%q, %v", rest, err)
	}
	if cause := <-closed; !errors.Is(cause, auth.ErrNoCredentials) {
		t.Errorf("it was closed for %v", cause)
	}
}

// A long poll is answered like any request of nobody.
func TestLongPollEndsWithTheLogin(t *testing.T) {
	s := newSite(t, nil)
	began := make(chan bool)
	h := s.m.Handler(s.m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := s.m.Watch(r.Context(), 0)
		defer stop()
		began <- true
		<-ctx.Done()
		s.m.Refuse(w, r, context.Cause(ctx))
	})))
	ada := s.visitor().logIn("ada")
	answered := make(chan *httptest.ResponseRecorder)
	go func() { answered <- answer(h, ada.request("GET", "/poll", "")) }()
	<-began
	ada.post("/auth/logout", "")
	w := <-answered
	if w.Code != 401 || !strings.Contains(w.Body.String(), `"reason":"revoked"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
