package oauthtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// Reply answers with a status, a content type and a body, whatever is asked.
func Reply(status int, contentType, body string) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		w.Write([]byte(body))
		return true
	}
}

// ReplyJSON answers with a status and v in JSON. If v cannot be marshalled, it
// answers 500.
func ReplyJSON(status int, v any) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		writeJSON(w, status, v)
		return true
	}
}

// RedirectTo answers with a redirect, byte for byte to location.
func RedirectTo(status int, location string) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
		return true
	}
}

// Delay waits before the [Server] answers. If the client goes away or the
// Server is closed meanwhile, there is no answer.
func Delay(d time.Duration) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return false
		case <-r.Context().Done():
			panic(http.ErrAbortHandler) // how net/http is told to hang up
		}
	}
}

// Hang never answers. It ends when the client goes away or the Server is
// closed.
func Hang() Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Cut begins an answer of 200, promises twice as much as body, and hangs up
// after it. With an empty body it hangs up without having answered.
func Cut(contentType, body string) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if body != "" {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Length", strconv.Itoa(2*len(body)))
			w.Write([]byte(body))
			_ = http.NewResponseController(w).Flush() // what cannot flush has sent it, or nobody is there
		}
		panic(http.ErrAbortHandler)
	}
}

// Flood answers 200 with a JSON object whose only member, name, is a string that makes
// the body size bytes long, written piece by piece and never held in memory.
func Flood(name string, size int64) Handler {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		quoted, _ := json.Marshal(name) // a string always can be
		head, tail := "{"+string(quoted)+`:"`, `"}`
		if _, err := w.Write([]byte(head)); err != nil {
			return true
		}
		piece := bytes.Repeat([]byte("a"), 64<<10)
		for left := size - int64(len(head)+len(tail)); left > 0; {
			n := min(left, int64(len(piece)))
			if _, err := w.Write(piece[:n]); err != nil {
				return true // the client has had enough
			}
			left -= n
		}
		w.Write([]byte(tail))
		return true
	}
}

// First lets h have the first n requests. The [Server] answers those that
// follow.
func First(n int64, h Handler) Handler {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		return seen.Add(1) <= n && h(w, r)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

func writeForm(w http.ResponseWriter, fields map[string]any) {
	form := make(url.Values)
	for k, v := range fields {
		form.Set(k, fmt.Sprint(v))
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	w.Write([]byte(form.Encode()))
}
