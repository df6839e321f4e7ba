package auth

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Fate is what becomes of a user's credentials of a kind when something happens to
// their account. It overrules what the change itself says of them: with [DropAll] not
// even what it has just made is left.
type Fate int

// The fates.
const (
	Keep       Fate = iota // they stay as they are
	DropOthers             // they end, but for what the change is about, and for the session and the browser in which it was made
	DropAll                // they end, all of them
)

// String returns "kept", "others dropped" or "all dropped".
func (f Fate) String() string {
	switch f {
	case Keep:
		return "kept"
	case DropOthers:
		return "others dropped"
	case DropAll:
		return "all dropped"
	}
	return fmt.Sprintf("Fate(%d)", int(f))
}

// check refuses what is no fate.
func (f Fate) check() error {
	if f < Keep || f > DropAll {
		return invalid(f.String())
	}
	return nil
}

// A Consequence is one cell of the table of consequences: what becomes of the
// credentials of a kind when an event happens to the account.
type Consequence struct {
	Event string // "password.reset", see [Manager.Apply]
	Kind  string // of credentials; or "session", "ticket"
	Fate  Fate
	// Declared is what the kind's owner says; another Fate is from
	// [Options.Consequences].
	Declared Fate
}

// What the core itself keeps has columns as well. Tickets are half-done logins
// and everything else that waits for an answer: no change is about one, so that they all
// end with either fate.
const (
	sessionColumn = "session"
	ticketColumn  = "ticket"
)

// eventCredentialChanged is the row for a change of which no more is known.
const eventCredentialChanged = "credential.changed"

// ownConsequences are those for what the core itself keeps.
var ownConsequences = map[string]map[string]Fate{
	//                       sessions, remembered browsers, known browsers, tickets
	eventCredentialChanged: ownRow(DropOthers, DropOthers, DropAll, DropAll),
	"credential.added":     ownRow(DropOthers, DropOthers, DropAll, DropAll),
	"credential.removed":   ownRow(DropOthers, DropOthers, DropAll, DropAll),
	"password.changed":     ownRow(DropOthers, DropOthers, DropOthers, DropAll),
	"password.reset":       ownRow(DropAll, DropAll, DropAll, DropAll),
	"email.verified":       ownRow(Keep, Keep, Keep, DropAll),
	"email.changed":        ownRow(DropOthers, DropOthers, DropAll, DropAll),
	"email.reverted":       ownRow(DropAll, DropAll, DropAll, DropAll),
	eventReclaimed:         ownRow(DropAll, DropAll, DropAll, DropAll),
	"account.disowned":     ownRow(DropAll, DropAll, DropAll, DropAll),
	"account.closed":       ownRow(DropAll, DropAll, DropAll, DropAll),
}

func ownRow(sessions, remembered, known, tickets Fate) map[string]Fate {
	return map[string]Fate{sessionColumn: sessions, rememberKind: remembered, deviceKind: known, ticketColumn: tickets}
}

// consequences is the table: by event, by kind.
type consequences map[string]map[string]Consequence

// newConsequences puts the table together, and returns everything that is wrong with
// what the owners of the kinds declare and with [Options.Consequences].
func newConsequences(providers []Provider, override map[string]map[string]Fate) (consequences, []error) {
	t, errs := declared(providers)
	return t, append(errs, t.override(override)...)
}

// eventReclaimed is that the account is somebody else's from now on.
const eventReclaimed = "account.reclaimed"

// declared returns the table as the owners of the kinds declare it. It has a cell for
// each event and each kind; what nobody has said anything of is kept, but nothing that could
// help whoever had the account before to act as the user when it is somebody else's.
func declared(providers []Provider) (t consequences, errs []error) {
	said := map[string]map[string]Fate{} // by event, by kind
	for event, row := range ownConsequences {
		said[event] = maps.Clone(row)
	}
	kinds := []string{sessionColumn, ticketColumn, rememberKind, deviceKind, "email", "username"}
	for _, p := range providers {
		owner, ok := As[Owner](p)
		if isNil(p) || !ok {
			continue
		}
		for _, k := range owner.Kinds() {
			kinds = append(kinds, k.Name)
			if k.Role != Identifier {
				said[eventReclaimed][k.Name] = DropOthers
			}
			for _, event := range slices.Sorted(maps.Keys(k.Consequences)) {
				f := k.Consequences[event]
				if err := f.check(); err != nil || event == "" {
					errs = append(errs, fmt.Errorf("auth: provider %q, kind %q: Consequences[%q] is %v: name an event, and make it Keep, DropOthers or DropAll", p.Name(), k.Name, event, f))
					continue
				}
				if said[event] == nil { // an event of the provider's own
					said[event] = maps.Clone(ownConsequences[eventCredentialChanged])
				}
				said[event][k.Name] = f
			}
		}
	}
	t = consequences{}
	for event, row := range said {
		t[event] = map[string]Consequence{}
		for _, kind := range kinds {
			t[event][kind] = Consequence{Event: event, Kind: kind, Fate: row[kind], Declared: row[kind]}
		}
	}
	return t, errs
}

// override changes cells of the table, and returns everything that is wrong with what
// it is given.
func (t consequences) override(cells map[string]map[string]Fate) (errs []error) {
	for _, event := range slices.Sorted(maps.Keys(cells)) {
		row, ok := t[event]
		if !ok {
			errs = append(errs, fmt.Errorf("auth: Options.Consequences[%q]: there is no such event: use one of %s", event, list(t)))
			continue
		}
		for _, kind := range slices.Sorted(maps.Keys(cells[event])) {
			f := cells[event][kind]
			c, ok := row[kind]
			if !ok {
				errs = append(errs, fmt.Errorf("auth: Options.Consequences[%q][%q]: no provider owns credentials of this kind: use one of %s", event, kind, list(row)))
				continue
			}
			if err := f.check(); err != nil {
				errs = append(errs, fmt.Errorf("auth: Options.Consequences[%q][%q] is %v: make it Keep, DropOthers or DropAll", event, kind, f))
				continue
			}
			c.Fate = f
			row[kind] = c
		}
	}
	return errs
}

// list returns the names that m has, for people.
func list[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

// row returns what becomes of each kind when event happens. Of an event that nobody has
// declared no more is known than that something was changed.
func (t consequences) row(event string) map[string]Consequence {
	if row, ok := t[event]; ok {
		return row
	}
	return t[eventCredentialChanged]
}

// fate returns what becomes of kind when event happens.
func (t consequences) fate(event, kind string) Fate { return t.row(event)[kind].Fate }

// Consequences returns the table of consequences of this composition, by event, then
// by kind: what the owners of the kinds declare ([Kind.Consequences]) and the host
// has changed ([Options.Consequences]).
func (m *Manager) Consequences() []Consequence {
	var all []Consequence
	for _, row := range m.consequences {
		for _, c := range row {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Consequence) int {
		return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

// Limits returns [Options.Limits], with the defaults filled in.
func (m *Manager) Limits() Limits { return m.opts.Limits }
