package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Apply changes what a user can log in with because of an event, and does to
// everything else of theirs what the table of consequences says of that event, see
// [Manager.Consequences]. It is [Manager.ChangeCredentials], which says what holds and
// which errors there are, for who knows more of the change than can be seen in it. There
// may be no changes.
//
// The events of the core, emitted after "credential.changed", which says what was changed:
//
//	credential.added    there is one more way to log in
//	credential.removed  there is one less
//	credential.changed  any other change
//	password.changed    by who knows the old one
//	password.reset      by who has proved that the address is theirs
//	email.verified      the user has proved that the address is theirs
//	email.changed       the user has another address now
//	email.reverted      the change of an address was undone from the old one
//	account.reclaimed   who owns the address has taken over an account that somebody had
//	                    made with it who has not proved that it is theirs
//	account.disowned    the owner has said of a change that it was not them
//	account.closed      the user closed the account
//
// A provider may declare more, see [Kind]; one that nobody has declared does what
// "credential.changed" does. What ends with [DropOthers] spares what the changes name, and
// the session that ctx belongs to with its browser; what ends with [DropAll] spares
// nothing, so that a change which makes such a credential makes none. The last way in may
// be dropped by a consequence, but not by one of changes, except when an account is
// closed, or disowned, or given back to its former address. Whoever calls it for these
// sees to it that the owner can come back: by mail, or by what the changes name.
//
// If the store has transactions, the change, what is dropped with it and what providers
// Record of it are one. If it has none, or a part of it is the host's ([Provider]), a
// crash in between may leave sessions ended and nothing changed, or the change made and
// not all that it ends ended; and if a provider could not Record it, the change is made
// all the same and the error says so.
func (m *Manager) Apply(ctx context.Context, userID, event string, changes ...Change) error {
	for _, c := range changes {
		if c.Old == nil && c.New == nil {
			return fmt.Errorf("%w: a change of nothing", ErrInvalid)
		}
		if c.Old != nil && c.Old.UserID != userID || c.New != nil && c.New.UserID != userID {
			return fmt.Errorf("%w: a change to a credential of another user", ErrInvalid)
		}
	}
	guard, err := m.guardChange(ctx, userID)
	if err != nil {
		return err
	}
	a := &application{m: m, userID: userID, event: event, asked: changes}
	// After the guard: whoever has ended the session by a change of their own is
	// met there, or has been before, and is seen here.
	if err := a.from(ctx); err != nil {
		return err
	}
	switch event {
	case "account.closed", "account.disowned", "email.reverted":
	default:
		if err := m.keepsWayIn(ctx, userID, changes); err != nil {
			return err
		}
	}
	made, drops, err := a.settle(ctx)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		told, unrecorded, err := a.commit(ctx, guard, made, drops)
		if err == nil {
			return a.follow(ctx, told, len(made)+len(drops) > 0, unrecorded)
		}
		err = m.meets(ctx, guard, err)
		if try == applyTries || !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
			return err
		}
		// What is dropped was perhaps used meanwhile. What was changed otherwise is met again.
		_, again, failed := a.settle(ctx)
		switch {
		case failed != nil:
			return failed
		case sameDrops(drops, again):
			return err
		}
		drops = again
	}
}

// applyTries bounds how often a change begins anew because somebody uses what it drops.
const applyTries = 10

// An application is one call of [Manager.Apply].
type application struct {
	m             *Manager
	userID, event string
	asked         []Change    // by the caller
	except        []SessionID // in which it is done
	browser       string      // the key of the known browser in which it is done, or ""
	actor         string
}

// from finds out where the change is made from. The error is that of who has no session
// any more.
func (a *application) from(ctx context.Context) error {
	id, err := a.m.IdentityFrom(ctx)
	if err != nil || id.UserID != a.userID || id.Session == nil {
		return nil
	}
	a.except, a.actor = []SessionID{id.Session.ID}, id.Actor
	if s := a.m.stateFrom(ctx); s.m == a.m {
		if tok, ok := parseToken(cookie(s.r, a.m.cookies.device)); ok {
			a.browser = a.m.deviceKey(tok, a.userID)
		}
	}
	return a.m.Recheck(ctx)
}

// fate returns what becomes of a column.
func (a *application) fate(kind string) Fate { return a.m.consequences.fate(a.event, kind) }

// dropped returns the kinds of credentials that the event drops, but for those which end
// with sessions.
func (a *application) dropped() (kinds []string) {
	for kind, c := range a.m.consequences.row(a.event) {
		switch kind {
		case sessionColumn, ticketColumn, deviceKind, rememberKind:
		default:
			if c.Fate != Keep {
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}

// settle returns what is made of the changes that were asked for, and the changes that
// delete what the event drops beside them.
func (a *application) settle(ctx context.Context) (made, drops []Change, err error) {
	kinds := a.dropped()
	named := map[credentialName]bool{}
	for _, c := range a.asked {
		name := nameOf(c)
		named[name] = true
		if slices.Contains(kinds, name.kind) && a.fate(name.kind) == DropAll {
			if c.Old == nil {
				continue
			}
			c.New = nil
		}
		made = append(made, c)
	}
	if len(kinds) == 0 {
		return made, nil, nil
	}
	held, err := a.m.store.UserCredentials(ctx, a.userID, kinds...)
	if err != nil {
		return nil, nil, err
	}
	for i := range held {
		if !named[credentialName{held[i].Kind, held[i].Key}] {
			drops = append(drops, Change{Old: &held[i]})
		}
	}
	return made, drops, nil
}

// sameDrops reports whether two lists drop the same, in the same state.
func sameDrops(a, b []Change) bool {
	return slices.EqualFunc(a, b, func(x, y Change) bool { return nameOf(x) == nameOf(y) && x.Old.Version == y.Old.Version })
}

// commit makes the changes. What could not be recorded of changes that are made and
// cannot be undone is returned beside.
func (a *application) commit(ctx context.Context, guard Change, made, drops []Change) (e Event, unrecorded, err error) {
	m := a.m
	changes := slices.Concat(made, drops)
	e = Event{Name: a.event, At: m.Now(), UserID: a.userID, Actor: a.actor, Reason: describeChanges(changes)}
	m.fillIn(ctx, &e)
	whole := m.transactional()
	if !whole {
		// A crash after the change must not leave alive what it ends. If this fails, what
		// is done after the change says so.
		outliving, cancel := outlive(ctx)
		_ = a.end(outliving)
		cancel()
	}
	err = m.changeInTx(ctx, func(ctx context.Context) error {
		// The guard comes first: of two changes the second stops there.
		if err := m.write(ctx, append([]Change{guard}, changes...)); err != nil {
			return err
		}
		failed := m.record(ctx, e, changes)
		if !whole {
			unrecorded = failed
			return nil
		}
		if failed != nil {
			return failed
		}
		// In the same transaction, so that a crash cannot come in between.
		return a.end(ctx)
	})
	return e, unrecorded, err
}

// write makes changes. What is to be created may be there and have expired, whoever's it
// was: then it has gone by the time that anybody sees the new one.
func (m *Manager) write(ctx context.Context, changes []Change) error {
	err := m.store.ChangeCredentials(ctx, changes...)
	if !errors.Is(err, ErrExists) {
		return err
	}
	var expired []Change
	for _, c := range changes {
		if c.Old != nil {
			continue
		}
		held, failed := m.store.LoadCredential(ctx, c.New.Kind, c.New.Key)
		switch {
		case failed == nil && m.hasExpired(&held):
			expired = append(expired, Change{Old: &held})
		case failed != nil && !errors.Is(failed, ErrNotFound):
			return failed
		}
	}
	if len(expired) == 0 {
		return err
	}
	if failed := m.store.ChangeCredentials(ctx, expired...); failed != nil {
		return failed
	}
	return m.store.ChangeCredentials(ctx, changes...)
}

// hasExpired reports whether c is good for nothing any more.
func (m *Manager) hasExpired(c *Credential) bool {
	return !c.ExpiresAt.IsZero() && !m.now().Before(c.ExpiresAt)
}

// follow tells of a change that was made, and ends what it ends, now that it can be seen:
// a login that was under way may have begun a session before.
func (a *application) follow(ctx context.Context, e Event, changed bool, unrecorded error) error {
	m := a.m
	if changed {
		m.emit(ctx, Event{Name: eventCredentialChanged, At: e.At, UserID: e.UserID, Actor: e.Actor, Addr: e.Addr, Label: e.Label, Reason: e.Reason})
	}
	if e.Name != eventCredentialChanged {
		m.emit(ctx, e)
	}
	outliving, cancel := outlive(ctx)
	defer cancel()
	err := a.end(outliving)
	if err == nil {
		err = a.forgetBrowsers(outliving)
	}
	err = errors.Join(err, a.dropAgain(outliving))
	m.LookAgain(a.userID)
	switch {
	case err != nil:
		return fmt.Errorf("auth: the credentials were changed, but not every session was ended: %w", outage{errors.Join(err, unrecorded)})
	case unrecorded != nil:
		return fmt.Errorf("auth: the credentials were changed, but not everybody was told: %w", outage{unrecorded})
	}
	return nil
}

// end ends sessions, remembered browsers and tickets, as the table says.
func (a *application) end(ctx context.Context) error {
	m := a.m
	spared := func(f Fate) []SessionID {
		if f == DropAll {
			return nil
		}
		return a.except
	}
	remembered := func() error {
		f := a.fate(rememberKind)
		if f == Keep {
			return nil
		}
		return m.endFamilies(ctx, a.userID, spared(f)...)
	}
	// Tickets and remembered browsers first: one that is used in between makes a
	// session that the next step finds. What fails does not hinder the rest.
	var failed error
	if a.fate(ticketColumn) != Keep {
		failed = asOutage(m.store.DeleteUserTickets(ctx, a.userID))
	}
	failed = errors.Join(failed, remembered())
	f := a.fate(sessionColumn)
	if f == Keep {
		return failed
	}
	failed = errors.Join(failed, m.endSessions(ctx, a.userID, spared(f)...))
	// And again: a login in between, whose session has just ended, may have begun
	// to remember its browser.
	return errors.Join(failed, remembered())
}

// forgetBrowsers makes the user's browsers unknown: whoever could log in before the
// change has no bucket of their own any more.
func (a *application) forgetBrowsers(ctx context.Context) error {
	f := a.fate(deviceKind)
	if f == Keep {
		return nil
	}
	known, err := a.m.store.UserCredentials(ctx, a.userID, deviceKind)
	if err != nil {
		return err
	}
	for i := range known {
		if f == DropOthers && known[i].Key == a.browser {
			continue
		}
		err := a.m.store.ChangeCredentials(ctx, Change{Old: &known[i]})
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return nil
}

// dropAgain drops what somebody has made whose session has ended by now: between the
// change and the end of sessions, such as a key, or a link where the store has no
// transactions. The guard is changed again, so that whoever has looked at it in between
// is refused.
func (a *application) dropAgain(ctx context.Context) error {
	if len(a.dropped()) == 0 {
		return nil
	}
	for range applyTries {
		guard, err := a.m.guardChange(ctx, a.userID)
		if err != nil {
			return err
		}
		_, drops, err := a.settle(ctx)
		if err != nil {
			return err
		}
		err = a.m.store.ChangeCredentials(ctx, append([]Change{guard}, drops...)...)
		switch {
		case err == nil:
			if len(drops) > 0 {
				a.m.emit(ctx, Event{Name: eventCredentialChanged, UserID: a.userID, Reason: describeChanges(drops)})
			}
			return nil
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrExists):
			return err
		}
	}
	return errors.New("auth: what is to be dropped is changed without end")
}
