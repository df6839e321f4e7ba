package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var at = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestSink(t *testing.T) {
	store := memory.NewAudit()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the browser has gone away
	year, ever := audit.Sink(store, "site", 365*24*time.Hour), audit.Sink(store, "other", 0)
	for _, name := range []string{"login", "loaded", "unauthenticated", "not_fresh", "allowed", "denied", "undecided", "forbidden", "login.limited", "logout"} {
		year(ctx, auth.Event{Name: name, At: at, UserID: "ada"})
	}
	year(ctx, auth.Event{Name: "login.limited", At: at})
	year(ctx, auth.Event{Name: "login.failed", At: at})
	ever(ctx, auth.Event{Name: "login", At: at, UserID: "ada"})

	list, err := store.UserRecords(t.Context(), "site", "ada", "", 100)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d records, %v, want those of login and logout", len(list), err)
	}
	names := map[string]bool{}
	for _, r := range list {
		names[r.Name] = true
		if want := at.AddDate(1, 0, 0); !r.ExpiresAt.Equal(want) {
			t.Errorf("expires at %v, want %v", r.ExpiresAt, want)
		}
	}
	if !names["login"] || !names["logout"] || list[0].ID == list[1].ID {
		t.Errorf("kept: %v", names)
	}
	if list, err := store.UserRecords(t.Context(), "site", "", "", 100); err != nil || len(list) != 1 {
		t.Errorf("of nobody: %v, %v, want one as for somebody", list, err)
	}
	if list, err := store.UserRecords(t.Context(), "other", "ada", "", 100); err != nil || len(list) != 1 || !list[0].ExpiresAt.IsZero() {
		t.Errorf("for ever: %v, %v", list, err)
	}
}

func TestSinkCuts(t *testing.T) {
	store := memory.NewAudit()
	sink := audit.Sink(store, "", 0)
	sink(t.Context(), auth.Event{Name: "login.failed", At: at, UserID: "ada", Reason: strings.Repeat("é", 200), Label: "a\x00b\xff"})
	list, err := store.UserRecords(t.Context(), "", "ada", "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if r := list[0]; r.Reason != strings.Repeat("é", 127) || r.Label != "a\ufffdb\ufffd" || !utf8.ValidString(r.Reason) {
		t.Errorf("Reason %q, Label %q", r.Reason, r.Label)
	}
}

type down struct{ *memory.Audit }

func (down) Append(ctx context.Context, _ audit.Record) error {
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("it waits for ever")
	}
	return errors.New("disk on fire")
}

func TestSinkLogsWhatIsLost(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	audit.Sink(down{memory.NewAudit()}, "", 0)(t.Context(), auth.Event{Name: "login", At: at, UserID: "ada"})
	for _, want := range []string{"level=ERROR", "event=login", "user=ada", "disk on fire"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log: %s", want, log.String())
		}
	}
}
