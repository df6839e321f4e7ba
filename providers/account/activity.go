package account

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

const (
	activityPage     = 50                   // records on a page
	activityLifetime = 365 * 24 * time.Hour // of a record
)

// Activity is what happened to an account, the newest first: a part of it, which the page
// "activity" shows.
type Activity struct {
	Events []Happening `json:"events"`
	// Next is what to give as "after" for those that follow, or "" if none do.
	Next string `json:"next,omitempty"`
}

// A Happening is an [auth.Event] as its user sees it.
type Happening struct {
	At     time.Time  `json:"at"`
	Name   string     `json:"name"` // of the event: "login"
	Method string     `json:"method,omitempty"`
	Device string     `json:"device,omitempty"`
	Addr   netip.Addr `json:"addr,omitzero"`
	Actor  string     `json:"actor,omitempty"` // who acted as the user, or ""
	Reason string     `json:"reason,omitempty"`
}

func (p *Provider) mountActivity(mux auth.Mux) {
	if p.opts.Activity == nil {
		return
	}
	mux.Handle("GET /activity", p.user(p.getActivity))
}

func (p *Provider) getActivity(w http.ResponseWriter, r *http.Request) {
	page := &auth.Page{Name: "activity", Title: "Activity"}
	id, err := p.m.IdentityFrom(r.Context())
	if err == nil {
		var a Activity
		a, err = p.activity(r.Context(), id.UserID, r.URL.Query().Get("after"))
		page.Data = &a
	}
	p.m.Answer(w, r, page, err)
}

// activity returns what happened to the user's account before the record with the ID
// after, and to nobody else's.
func (p *Provider) activity(ctx context.Context, userID, after string) (Activity, error) {
	a := Activity{Events: []Happening{}}
	records, err := p.opts.Activity.UserRecords(ctx, p.m.Realm(), userID, after, activityPage+1)
	if err != nil {
		return a, err
	}
	all := records
	if len(records) > activityPage {
		records = records[:activityPage]
		a.Next = records[activityPage-1].ID
	}
	now := p.m.Now()
	for i := range records {
		rec := &records[i]
		if besideNamed(rec, all) {
			continue
		}
		if rec.UserID != userID || !rec.ExpiresAt.IsZero() && !now.Before(rec.ExpiresAt) {
			continue
		}
		a.Events = append(a.Events, Happening{rec.At, rec.Name, rec.Method, rec.Label, rec.Addr, rec.Actor, rec.Reason})
	}
	return a, nil
}

// besideNamed reports whether rec says nothing but what another of the records, at the
// same moment, says by its name.
func besideNamed(rec *audit.Record, records []audit.Record) bool {
	return rec.Name == "credential.changed" && rec.Reason != "" && slices.ContainsFunc(records, func(other audit.Record) bool {
		return other.Name != rec.Name && other.At.Equal(rec.At) && other.Reason == rec.Reason
	})
}
