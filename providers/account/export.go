package account

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An exported is what a user can take along.
type exported struct {
	UserID     string            `json:"user_id"`
	ExportedAt time.Time         `json:"exported_at"`
	Profile    any               `json:"profile,omitempty"` // the host's
	Ways       []exportedWay     `json:"ways"`
	Sessions   []exportedSession `json:"sessions"`
	Events     []Happening       `json:"events,omitempty"`
}

type exportedWay struct {
	Kind       string    `json:"kind"`
	Key        string    `json:"key,omitempty"` // of an identifier: any other may be a digest
	Label      string    `json:"label,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	UsedAt     time.Time `json:"used_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
}

type exportedSession struct {
	ID        string     `json:"id"` // the handle
	Label     string     `json:"label"`
	Addr      netip.Addr `json:"addr,omitzero"`
	CreatedAt time.Time  `json:"created_at"`
	SeenAt    time.Time  `json:"seen_at"`
	EndsAt    time.Time  `json:"ends_at"`
}

func (p *Provider) mountExport(mux auth.Mux) {
	mux.Handle("GET /export", p.user(p.getExport))
}

// getExport sends a file, whatever the client wants.
func (p *Provider) getExport(w http.ResponseWriter, r *http.Request) {
	if !p.proven(w, r) {
		return
	}
	err := p.limitPosts(r)
	var all *exported
	if err == nil {
		all, err = p.export(r)
	}
	var body []byte
	if err == nil {
		body, err = json.MarshalIndent(all, "", "  ")
	}
	if err != nil {
		p.m.Refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="account.json"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // the client has gone
}

func (p *Provider) export(r *http.Request) (*exported, error) {
	ctx := r.Context()
	id, err := p.m.IdentityFrom(ctx)
	if err != nil {
		return nil, err
	}
	all := &exported{UserID: id.UserID, ExportedAt: p.m.Now(), Ways: []exportedWay{}, Sessions: []exportedSession{}}
	held, err := p.m.Store().UserCredentials(ctx, id.UserID)
	if err != nil {
		return nil, err
	}
	roles := p.roles()
	for _, c := range held {
		if c.Kind == guardKind || !p.live(&c) {
			continue
		}
		way := exportedWay{Kind: c.Kind, Label: c.Label, CreatedAt: c.CreatedAt, VerifiedAt: c.VerifiedAt, UsedAt: c.UsedAt, ExpiresAt: c.ExpiresAt}
		if roles[c.Kind] == auth.Identifier {
			way.Key = c.Key
		}
		all.Ways = append(all.Ways, way)
	}
	sessions, err := p.m.Sessions(ctx, id.UserID)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		all.Sessions = append(all.Sessions, exportedSession{s.Handle(), s.Label, s.Addr, s.CreatedAt, s.SeenAt, s.EndsAt})
	}
	if p.opts.Activity != nil {
		for after := ""; ; {
			page, err := p.activity(ctx, id.UserID, after)
			if err != nil {
				return nil, err
			}
			all.Events = append(all.Events, page.Events...)
			if after = page.Next; after == "" || len(all.Events) >= mostExported {
				break
			}
		}
	}
	if p.opts.Export != nil {
		if all.Profile, err = p.opts.Export(ctx, id.UserID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// mostExported bounds what one request reads.
const mostExported = 10_000

// roles are those of the kinds of credentials of this composition that are not Role ""
// to begin with, by kind.
func (p *Provider) roles() map[string]auth.Role {
	roles := map[string]auth.Role{emailKind: auth.Identifier, "username": auth.Identifier}
	for _, q := range p.m.Providers() {
		if owner, ok := auth.As[auth.Owner](q); ok {
			for _, k := range owner.Kinds() {
				roles[k.Name] = k.Role
			}
		}
	}
	return roles
}
