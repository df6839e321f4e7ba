package auth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// A Registration is somebody who wants an account, before there is one.
type Registration struct {
	Profile     Profile
	Credentials []Credential // what they will log in with, without UserID; hashed
	Next        string
}

// A Registrar is a provider that takes registrations over, to create the user later:
// once their address is verified.
type Registrar interface {
	Provider
	// TakesRegistrations reports whether it does. Others then do not look whether an
	// address is taken, and create nobody.
	TakesRegistrations() bool
	// TakeRegistration keeps reg, which another provider has checked, and answers:
	// alike, whether or not there is an account with that address.
	TakeRegistration(w http.ResponseWriter, r *http.Request, reg Registration)
}

// Registrar returns the provider that takes registrations over, if one does.
func (m *Manager) Registrar() (Registrar, bool) {
	for _, p := range m.opts.Providers {
		if r, ok := As[Registrar](p); ok && r.TakesRegistrations() {
			return r, true
		}
	}
	return nil, false
}

// Providers returns [Options.Providers].
func (m *Manager) Providers() []Provider { return slices.Clone(m.opts.Providers) }

// The abilities of a provider that need no name, see [Provider].
type (
	runner interface {
		Run(ctx context.Context) error
	}
	keeper interface {
		Record(ctx context.Context, e Event, changes []Change) error
	}
	observer interface {
		Observe(ctx context.Context, e Event)
	}
	admitter interface {
		Admit(ctx context.Context, u User, proofs []Proof) error
	}
)

// record tells the providers of a change, in its transaction if there is one. What one of
// them cannot keep, for whatever reason, undoes the change.
func (m *Manager) record(ctx context.Context, e Event, changes []Change) error {
	for _, k := range m.keepers {
		err := guarded(func() error { return k.Record(ctx, e, slices.Clone(changes)) })
		if err != nil {
			return fmt.Errorf("auth: recording %q: %w", e.Name, outage{err})
		}
	}
	return nil
}

// guarded makes an error of f's panic.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %s", describePanic(p))
		}
	}()
	return f()
}
