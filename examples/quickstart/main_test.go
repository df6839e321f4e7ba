package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestShort: it is said to be short.
func TestShort(t *testing.T) {
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte("\n")); n > 40 {
		t.Errorf("main.go has %d lines, and 40 were promised", n)
	}
}

// TestQuickstart builds it, with another port, and uses it as people do.
func TestQuickstart(t *testing.T) {
	folder := t.TempDir()
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	addr := freePort(t)
	other := bytes.Replace(source, []byte(`"localhost:8080"`), []byte(`"`+addr+`"`), 1)
	if bytes.Equal(source, other) {
		t.Fatal("main.go does not listen on localhost:8080")
	}
	here, err := filepath.Abs("main.go")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		t.Helper()
		name = filepath.Join(folder, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{here: write("main.go", other)}})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "quickstart")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-overlay", write("overlay.json", overlay), "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	var log bytes.Buffer
	cmd := exec.Command(program)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }() // it is killed
	stop := func() { _ = cmd.Process.Kill(); <-done }
	defer stop()

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute} // follows redirects as a browser does
	do := func(path string, form url.Values) (at, body string) {
		t.Helper()
		r, err := http.NewRequest("GET", "http://"+addr+path, nil)
		if form != nil {
			r, err = http.NewRequest("POST", "http://"+addr+path, strings.NewReader(form.Encode()))
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := client.Do(r)
		if err != nil {
			stop()
			t.Fatalf("%v: %s", err, log.String())
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Request.URL.Path, string(b)
	}

	waitFor(t, addr, done)
	if at, body := do("/", nil); at != "/auth/login" || !strings.Contains(body, "<form") {
		t.Fatalf("a stranger gets to %s: %s", at, body)
	}
	const hello = "Hello ada@example.com! You are logged in."
	ada := url.Values{"email": {"ada@example.com"}, "password": {"correct horse battery staple"}}
	if at, body := do("/auth/register", ada); at != "/" || !strings.Contains(body, hello) {
		t.Fatalf("registering leads to %s: %s", at, body)
	}
	if at, _ := do("/auth/logout", url.Values{}); at != "/auth/login" {
		t.Errorf("the log-out leads to %s", at)
	}
	if at, body := do("/auth/login", url.Values{"email": ada["email"], "password": {"wrong"}}); at != "/auth/login" || strings.Contains(body, hello) {
		t.Errorf("a wrong password leads to %s: %s", at, body)
	}
	if at, body := do("/auth/login", ada); at != "/" || !strings.Contains(body, hello) {
		t.Errorf("logging in leads to %s: %s", at, body)
	}
	if _, err := os.Stat(filepath.Join(folder, "quickstart.db")); err != nil {
		t.Error(err)
	}
}

// freePort returns an address that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitFor waits until addr answers, or the program has ended.
func waitFor(t *testing.T, addr string, done <-chan struct{}) {
	t.Helper()
	for range 1000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
