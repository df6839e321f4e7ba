package mail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// A Box keeps the last 200, newest first, and shares no memory with who sends.
func TestBox(t *testing.T) {
	var box mail.Box
	if got := box.Messages(); len(got) != 0 {
		t.Errorf("an empty box has %v", got)
	}
	m := &mail.Message{Data: map[string]string{"link": "a"}}
	for i := range 250 {
		m.Subject = fmt.Sprint(i)
		if err := box.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	m.Data["link"] = "b"
	all := box.Messages()
	if len(all) != 200 || all[0].Subject != "249" || all[199].Subject != "50" || all[0].Data["link"] != "a" {
		t.Errorf("%d messages from %q to %q, with %v", len(all), all[0].Subject, all[len(all)-1].Subject, all[0].Data)
	}
	all[0].Subject = "changed"
	if box.Messages()[0].Subject != "249" {
		t.Error("what Messages returns is the box's own")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := box.Send(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestLinks(t *testing.T) {
	for _, c := range []struct {
		text, html string
		want       []string
	}{
		{"", "", nil},
		{"See https://app.example/a?b=c&d=1, or (http://localhost:8080/x).", "", []string{"https://app.example/a?b=c&d=1", "http://localhost:8080/x"}},
		{"https://app.example/a?b=c&d=1\nhttps://app.example/b", `<a href="https://app.example/a?b=c&amp;d=1">x</a><A HREF = "https://app.example/c">`,
			[]string{"https://app.example/a?b=c&d=1", "https://app.example/b", "https://app.example/c"}},
		{"javascript:alert(1) ada@example.com", `<b title="href=x">`, nil},
	} {
		m := mail.Message{Text: c.text, HTML: c.html}
		if got := m.Links(); !slices.Equal(got, c.want) {
			t.Errorf("%q %q: got %q, want %q", c.text, c.html, got, c.want)
		}
	}
}
