// Package form reads what was posted: a form or a JSON object with the same
// field names, from the body and from nowhere else. [Parse] is where to start.
package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxBody   = 64 << 10
	maxFields = 100
)

// An Error is a body that is refused.
type Error struct {
	Status int    // 400, 413, 415 or 422
	Code   string // "malformed", "too_large", "unsupported_media_type", "invalid_field"
	Field  string // the field that is wrong, if one is
	Detail string // a sentence for people
}

func (e *Error) Error() string { return "form: " + e.Detail }

// Values are the fields that were sent.
type Values map[string]string

// Get returns the field as it was sent, "" if it was not.
func (v Values) Get(field string) string { return v[field] }

// Bool reports whether the field is on: a ticked checkbox, or true.
func (v Values) Bool(field string) bool {
	switch strings.ToLower(v[field]) {
	case "1", "true", "on", "yes":
		return true
	}
	return false
}

// Parse reads at most 64 KiB of r's body. Fields that are not named are
// ignored; a named one that is there twice, or is in JSON anything but a string
// or a boolean, is refused, never guessed at. Its error is an [*Error], or what
// reading the body met.
func Parse(w http.ResponseWriter, r *http.Request, fields ...string) (Values, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.ContentLength == 0 {
		return Values{}, nil // nothing was sent, so nothing can be mistaken
	}
	if charset := params["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, unsupported()
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, unsupported()
	}
	parse := parseForm
	switch mediaType {
	case "application/x-www-form-urlencoded":
	case "application/json":
		parse = parseJSON
	default:
		return nil, unsupported()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return nil, &Error{http.StatusRequestEntityTooLarge, "too_large", "", "The request is too large."}
		}
		return nil, malformed("The request could not be read.")
	}
	if !utf8.Valid(body) {
		return nil, malformed("The request is not UTF-8.")
	}
	values, err := parse(body, fields)
	if err != nil {
		return nil, err
	}
	for field, value := range values {
		if !utf8.ValidString(value) {
			return nil, &Error{http.StatusUnprocessableEntity, "invalid_field", field, field + " is not UTF-8."}
		}
	}
	return values, nil
}

func parseForm(body []byte, fields []string) (Values, error) {
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil, malformed("The form has too many fields.")
	}
	all, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("The form is malformed.")
	}
	values := make(Values, len(fields))
	for _, field := range fields {
		switch sent := all[field]; len(sent) {
		case 0:
		case 1:
			values[field] = sent[0]
		default:
			return nil, twice(field)
		}
	}
	return values, nil
}

// parseJSON reads member by member, since decoding into a map would silently
// take the last of two members with one name.
func parseJSON(body []byte, fields []string) (Values, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed("The request is not a JSON object.")
	}
	values := make(Values, len(fields))
	seen := make(map[string]bool, len(fields))
	for n := 0; dec.More(); n++ {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || n >= maxFields {
			return nil, malformed("The JSON is malformed.")
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, malformed("The JSON is malformed.")
		}
		if !slices.Contains(fields, name) {
			continue
		}
		if seen[name] {
			return nil, twice(name)
		}
		seen[name] = true
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return nil, malformed("The JSON is malformed.")
		}
		switch v := value.(type) {
		case string:
			values[name] = v
		case bool:
			values[name] = fmt.Sprint(v)
		case nil: // as if it were not there
		default:
			return nil, &Error{http.StatusUnprocessableEntity, "invalid_field", name, name + " must be a string."}
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, malformed("The JSON is malformed.")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, malformed("There is something after the JSON object.")
	}
	return values, nil
}

func twice(field string) error {
	return &Error{http.StatusBadRequest, "malformed", field, field + " is there twice."}
}

func malformed(detail string) error {
	return &Error{http.StatusBadRequest, "malformed", "", detail}
}

func unsupported() error {
	return &Error{http.StatusUnsupportedMediaType, "unsupported_media_type", "",
		"Send application/x-www-form-urlencoded or application/json in UTF-8."}
}
