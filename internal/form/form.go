// Package form reads what was posted: a form or a JSON object with the same
// field names, from the body and from nowhere else. [Parse] is where to start;
// [ParseFields] takes numbers and lists as well.
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

// A Field is one that may be sent.
type Field struct {
	Name string
	Kind Kind
}

// A Kind is what a field may be.
type Kind int

// The kinds. In a form everything is text.
const (
	Text   Kind = iota // in JSON a string or a boolean
	Number             // in JSON also a number; what is returned is how it was written
	List               // in JSON also an array of strings, in a form several of the name; joined by spaces
)

// Parse is [ParseFields] of fields that are Text.
func Parse(w http.ResponseWriter, r *http.Request, fields ...string) (Values, error) {
	texts := make([]Field, len(fields))
	for i, name := range fields {
		texts[i].Name = name
	}
	return ParseFields(w, r, texts...)
}

// ParseFields reads at most 64 KiB of r's body. Fields that are not named are
// ignored; a named one that is there twice, or is in JSON anything but what its
// Kind says, is refused, never guessed at. So are elements of a list that are empty or
// have a space in them. Its error is an [*Error], or what reading the body met.
func ParseFields(w http.ResponseWriter, r *http.Request, fields ...Field) (Values, error) {
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

func parseForm(body []byte, fields []Field) (Values, error) {
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil, malformed("The form has too many fields.")
	}
	all, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("The form is malformed.")
	}
	values := make(Values, len(fields))
	for _, field := range fields {
		switch sent := all[field.Name]; {
		case len(sent) == 0:
		case len(sent) == 1:
			values[field.Name] = sent[0]
		case field.Kind == List:
			if values[field.Name], err = join(field.Name, sent); err != nil {
				return nil, err
			}
		default:
			return nil, twice(field.Name)
		}
	}
	return values, nil
}

// parseJSON reads member by member, since decoding into a map would silently
// take the last of two members with one name.
func parseJSON(body []byte, fields []Field) (Values, error) {
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
		field := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if field < 0 {
			continue
		}
		if seen[name] {
			return nil, twice(name)
		}
		seen[name] = true
		if bytes.Equal(raw, []byte("null")) {
			continue // as if it were not there
		}
		if values[name], err = valueOf(fields[field], raw); err != nil {
			return nil, err
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

// valueOf returns a JSON value as it would be in a form.
func valueOf(f Field, raw json.RawMessage) (string, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", malformed("The JSON is malformed.")
	}
	want := "a string"
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	case float64:
		if f.Kind == Number {
			return string(raw), nil
		}
	case []any:
		var list []string
		if f.Kind == List && json.Unmarshal(raw, &list) == nil {
			return join(f.Name, list)
		}
	}
	switch f.Kind {
	case Number:
		want = "a number"
	case List:
		want = "a list of strings"
	}
	return "", &Error{http.StatusUnprocessableEntity, "invalid_field", f.Name, f.Name + " must be " + want + "."}
}

func join(field string, list []string) (string, error) {
	for _, s := range list {
		if s == "" || strings.Contains(s, " ") {
			return "", &Error{http.StatusUnprocessableEntity, "invalid_field", field, field + " must be words without spaces."}
		}
	}
	return strings.Join(list, " "), nil
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
