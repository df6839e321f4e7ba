package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// print prints v as one JSON document if --json is given, else what human
// writes: all of it or an error.
func (a *app) print(v any, human func(w io.Writer)) error {
	var b bytes.Buffer
	out := b.Bytes
	if a.flags.JSON {
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		out = func() []byte { return escaped(b.Bytes()) }
	} else {
		human(&b)
	}
	if _, err := a.stdout.Write(out()); err != nil {
		return fmt.Errorf("the result could not be printed: %w", err)
	}
	return nil
}

// escaped is a JSON document that steers no terminal: what cannot be printed, which
// stands in strings only, is written as JSON may write it.
func escaped(doc []byte) []byte {
	var out []byte
	for _, r := range string(doc) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// table writes rows in columns, the first as their titles.
func table(w io.Writer, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if cell = line(cell); cell == "" {
				cell = "-"
			}
			end := "\t"
			if i == len(row)-1 {
				end = "\n"
			}
			io.WriteString(tw, cell+end)
		}
	}
	tw.Flush()
}

// line is text in one line, fit for a terminal.
func line(s string) string { return strings.ReplaceAll(printable(s), "\n", " ") }

// A moment is a time in JSON: RFC 3339 in UTC, null for the zero time.
type moment time.Time

// MarshalJSON implements [json.Marshaler].
func (m moment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(time.Time(m).UTC())
}

// String is the moment for people, in UTC, to the second.
func (m moment) String() string {
	if time.Time(m).IsZero() {
		return ""
	}
	return time.Time(m).UTC().Format(time.DateTime) + "Z"
}

// count says how many there are of something: "1 session", "2 sessions".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
