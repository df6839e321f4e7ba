package event_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/event"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var at = time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)

func TestOn(t *testing.T) {
	var box authtest.Outbox
	names := []string{event.Login, "sms.sent"}
	sink := event.On(box.Record, names...)
	names[0] = event.Logout // it is the caller's
	for _, name := range []string{event.Login, event.Logout, event.LoginFailed, "sms.sent", ""} {
		sink(t.Context(), auth.Event{Name: name, UserID: "ada"})
	}
	if got := box.Events(); !slices.Equal(got, []auth.Event{{Name: event.Login, UserID: "ada"}, {Name: "sms.sent", UserID: "ada"}}) {
		t.Errorf("handed on: %+v", got)
	}
	box.Reset()
	event.On(box.Record)(t.Context(), auth.Event{Name: event.Login})
	if got := box.Events(); len(got) != 0 {
		t.Errorf("without names, handed on: %+v", got)
	}
	_, err := auth.New(nil, nil, &auth.Options{Events: []func(context.Context, auth.Event){event.On(nil, event.Login)}})
	if err == nil || !strings.Contains(err.Error(), "Options.Events[0] is nil") {
		t.Errorf("auth.New with On(nil): %v", err)
	}
}

// records reads what a JSON handler wrote.
func records(t *testing.T, r io.Reader) (list []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(r); ; {
		var m map[string]any
		if err := d.Decode(&m); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
}

// A second log says what the Manager's own says, and at the event's time.
func TestLogIsTheManagersOwn(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		var own, second bytes.Buffer
		options := &slog.HandlerOptions{Level: level}
		m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
			Logger: slog.New(slog.NewJSONHandler(&own, options)),
			Events: []func(context.Context, auth.Event){event.Log(slog.New(slog.NewJSONHandler(&second, options)))},
			Now:    func() time.Time { return at },
		})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		names := append(slices.Sorted(maps.Values(constants(t))), "sms.sent")
		for _, name := range names {
			m.Emit(r, auth.Event{Name: name})
			m.Emit(r, auth.Event{Name: name, UserID: "ada", Actor: "bob", Method: "password", Reason: "because \"of\"\nthis"})
		}
		want, got := records(t, &own), records(t, &second)
		if len(got) != len(want) || len(got) == 0 || level == slog.LevelDebug && len(got) != 2*len(names) {
			t.Fatalf("level %v: %d records for %d events, the Manager wrote %d", level, len(got), 2*len(names), len(want))
		}
		for i := range got {
			if got[i]["time"] != at.Format(time.RFC3339Nano) {
				t.Errorf("the time is %v", got[i]["time"])
			}
			delete(got[i], "time")
			delete(want[i], "time")
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("level %v: record %v, the Manager wrote %v", level, got[i], want[i])
			}
		}
	}
}

func TestLogDefault(t *testing.T) {
	var b bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewJSONHandler(&b, nil)))
	sink := event.Log(nil)
	slog.SetDefault(before)
	sink(t.Context(), auth.Event{Name: event.Login, At: at})
	got := records(t, &b)
	if len(got) != 1 || len(got[0]) != 4 || got[0]["event"] != "login" {
		t.Errorf("records: %v", got)
	}
}
