package oauthtest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	maxBody    = 1 << 20 // of a request
	maxRecords = 10_000
	maxIssued  = 100_000
)

// A Request is what a [Server] received.
type Request struct {
	Endpoint Endpoint
	Method   string
	// URL is what the client asked for, of the imitated host if it is one.
	URL string
	// Header are the headers. It belongs to all who got it: do not change it.
	Header http.Header
	// Form are the query's parameters and those of a body that is a form.
	Form url.Values
	// Body is the body, at most 1 MiB of it.
	Body []byte
	Time time.Time
}

// Requests returns what was received and refused, in order of arrival, by these
// endpoints or by all if there are none. At least the last 5,000 are kept.
func (s *Server) Requests(endpoints ...Endpoint) []Request {
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	var found []Request
	for _, r := range s.records {
		if len(endpoints) == 0 || slices.Contains(endpoints, r.Endpoint) {
			found = append(found, r)
		}
	}
	return found
}

// Count returns how many requests came to these endpoints, or to all if there
// are none, since the beginning or [Server.Forget].
func (s *Server) Count(endpoints ...Endpoint) int {
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	n := 0
	for e, c := range s.counts {
		if len(endpoints) == 0 || slices.Contains(endpoints, e) {
			n += c
		}
	}
	return n
}

// Forget empties the record and the counts, but not [Server.Issued].
func (s *Server) Forget() {
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	s.records, s.counts = nil, make(map[Endpoint]int)
}

// Issued returns every code and token that was issued, ID tokens included, at least the
// last 50,000 of them: what must not be found in any store or log.
func (s *Server) Issued() []string {
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	return slices.Clone(s.issued)
}

func (s *Server) noteIssued(secret string) {
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	if len(s.issued) >= maxIssued {
		s.issued = append([]string(nil), s.issued[maxIssued/2:]...)
	}
	s.issued = append(s.issued, secret)
}

// record keeps a request, and puts its body back so that it can be read again.
func (s *Server) record(r *http.Request, e Endpoint, asked string) {
	rec := Request{Endpoint: e, Method: r.Method, URL: asked, Header: r.Header.Clone(), Time: s.now()}
	if r.Body != nil {
		rec.Body, _ = io.ReadAll(io.LimitReader(r.Body, maxBody)) // what could not be read is missing
		r.Body = io.NopCloser(bytes.NewReader(rec.Body))
	}
	rec.Form = r.URL.Query()
	if isForm(r) {
		form, _ := url.ParseQuery(string(rec.Body)) // what could be read of it
		for k, vs := range form {
			rec.Form[k] = append(rec.Form[k], vs...)
		}
	}
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	if len(s.records) >= maxRecords {
		s.records = append([]Request(nil), s.records[maxRecords/2:]...)
	}
	s.records = append(s.records, rec)
	s.counts[e]++
}
