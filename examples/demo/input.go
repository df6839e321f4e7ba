package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// maxSent is how much somebody may send, in bytes. In a form a character of a post may
// take twelve.
const maxSent = 256 << 10

// read returns those fields that were sent, in a form or in a JSON object of strings. It
// looks again whether whoever sends is logged in, who may have taken their time.
func (s *site) read(w http.ResponseWriter, r *http.Request, names ...string) (map[string]string, error) {
	body := http.MaxBytesReader(w, r.Body, maxSent)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // "" is none that is known
	sent := map[string]string{}
	var err error
	switch {
	case kind == "application/json":
		err = readJSON(body, sent, names)
	case kind == "application/x-www-form-urlencoded":
		r.Body = body
		err = r.ParseForm()
		for _, name := range names {
			sent[name] = r.PostForm.Get(name)
		}
	case r.ContentLength == 0: // nothing
	default:
		err = &auth.Problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Detail: "Send a form or JSON."}
	}
	if gone := s.manager.Recheck(r.Context()); gone != nil {
		return nil, gone
	}
	var known *auth.Problem
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, &auth.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: "This is too much."}
	} else if err != nil && !errors.As(err, &known) {
		return nil, &auth.Problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "The request could not be read."}
	}
	return sent, err
}

func readJSON(from io.Reader, into map[string]string, names []string) error {
	var fields map[string]json.RawMessage
	d := json.NewDecoder(from)
	if err := d.Decode(&fields); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	for _, name := range names {
		var value string
		switch raw, sent := fields[name]; {
		case !sent:
		case !utf8.Valid(raw): // which decoding would mend
			return invalid(name, "This is not UTF-8.")
		case json.Unmarshal(raw, &value) != nil:
			return invalid(name, "This is no text.")
		}
		into[name] = value
	}
	return nil
}

// invalid is what is wrong with a field.
func invalid(field, detail string) error {
	return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: field, Detail: detail}
}
