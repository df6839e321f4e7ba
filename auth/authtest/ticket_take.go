package authtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

func ticketPutExists(t *testing.T, s auth.TicketStore) {
	const rule = "PutTicket gives ErrExists if a ticket of this purpose and key is there, and leaves it"
	v := keepTicket(t, s, newTicket("p", "1", "u", ""))
	w := newTicket("p", "1", "other", "")
	w.Data, w.ExpiresAt = nil, t0()
	checkErr(t, "PutTicket again", s.PutTicket(t.Context(), v), auth.ErrExists, rule)
	checkErr(t, "PutTicket of another user", s.PutTicket(t.Context(), w), auth.ErrExists, rule)
	checkHasTicket(t, s, v, rule)
	_, err := s.TakeTicket(t.Context(), "p", "1")
	must(t, "TakeTicket", err)
	keepTicket(t, s, w) // the key is free again
	checkHasTicket(t, s, w, "a ticket that was put is there")
}

func ticketPutAtOnce(t *testing.T, s auth.TicketStore) {
	const rule = "of any number of callers exactly one puts a ticket, the others get ErrExists"
	for round, slot := range []string{"", "slot"} {
		errs := atOnce(callers, func(i int) error {
			return s.PutTicket(t.Context(), newTicket("p", fmt.Sprint(round), fmt.Sprint("u", i), slot))
		})
		checkOne(t, "PutTicket", errs, auth.ErrExists, rule)
		for i, err := range errs {
			if err == nil {
				checkHasTicket(t, s, newTicket("p", fmt.Sprint(round), fmt.Sprint("u", i), slot), rule)
			}
		}
	}
}

func ticketSlotReplaces(t *testing.T, s auth.TicketStore) {
	const rule = "a ticket with a slot replaces the one of the same purpose and slot"
	v := keepTicket(t, s, newTicket("p", "1", "u", "slot"))
	for i, user := range []string{"u", "other", ""} { // whoever it was for
		w := keepTicket(t, s, newTicket("p", fmt.Sprint("next", i), user, "slot"))
		checkNoTicket(t, s, v.Purpose, v.Key, rule)
		checkHasTicket(t, s, w, "the newest ticket of a slot is there")
		v = w
	}
	_, err := s.TakeTicket(t.Context(), v.Purpose, v.Key)
	must(t, "TakeTicket", err)
	again := keepTicket(t, s, newTicket("p", "1", "u", "slot")) // a replaced key is free
	checkHasTicket(t, s, again, "the newest ticket of a slot is there")
	expired := newTicket("p", "expired", "u", "slot")
	expired.CreatedAt, expired.ExpiresAt = t0().Add(-time.Hour), t0()
	keepTicket(t, s, expired) // the newest is the one that was put last, whatever its times
	checkNoTicket(t, s, again.Purpose, again.Key, rule)
	keepTicket(t, s, newTicket("p", "last", "u", "slot"))
	checkNoTicket(t, s, expired.Purpose, expired.Key, rule)
}

func ticketSlotOnly(t *testing.T, s auth.TicketStore) {
	const rule = "a slot is of one purpose, compares byte for byte, and the slot \"\" is none"
	var all []auth.Ticket
	for i, text := range texts() {
		all = append(all, newTicket("p", fmt.Sprint("slot ", i), "u", text.s))
		all = append(all, newTicket(text.s, fmt.Sprint("purpose ", i), "u", "slot"))
		all = append(all, newTicket("p", fmt.Sprint("none ", i), "u", ""))
	}
	for i, pair := range split() {
		all = append(all, newTicket(pair[0], fmt.Sprint("split ", i), "u", pair[1]))
	}
	for _, v := range all {
		keepTicket(t, s, v)
	}
	for _, v := range all {
		if _, err := s.LoadTicket(t.Context(), v.Purpose, v.Key); err != nil {
			t.Errorf("the ticket of purpose %+q and slot %+q: %v\n\trule: %s", v.Purpose, v.Slot, err, rule)
		}
	}
}

func ticketSlotExists(t *testing.T, s auth.TicketStore) {
	const rule = "PutTicket gives ErrExists if a ticket of this purpose and key is there, and then replaces nothing"
	v := keepTicket(t, s, newTicket("p", "1", "u", "slot"))
	w := keepTicket(t, s, newTicket("p", "2", "u", "other"))
	again := newTicket("p", "1", "other", "slot")
	checkErr(t, "PutTicket of the same key and slot", s.PutTicket(t.Context(), again), auth.ErrExists, rule)
	taken := newTicket("p", "2", "other", "slot")
	checkErr(t, "PutTicket of a taken key and a taken slot", s.PutTicket(t.Context(), taken), auth.ErrExists, rule)
	checkHasTicket(t, s, v, rule)
	checkHasTicket(t, s, w, rule)
}

func ticketSlotAtOnce(t *testing.T, s auth.TicketStore) {
	const rule = "of any number of callers with one slot the ticket of exactly one is left"
	for round := range 3 {
		errs := atOnce(callers, func(i int) error {
			return s.PutTicket(t.Context(), newTicket("p", fmt.Sprint(round, "-", i), "u", fmt.Sprint("slot", round)))
		})
		left := 0
		for i, err := range errs {
			if err != nil {
				t.Errorf("PutTicket: %v\n\trule: putting another replaces it; nobody is refused", err)
			}
			_, err := s.LoadTicket(t.Context(), "p", fmt.Sprint(round, "-", i))
			switch {
			case err == nil:
				left++
			case !errors.Is(err, auth.ErrNotFound):
				t.Errorf("LoadTicket: %v", err)
			}
		}
		if left != 1 {
			t.Errorf("%d tickets are left of %d with one slot, want 1\n\trule: %s", left, callers, rule)
		}
	}
}

func ticketLoadLeaves(t *testing.T, s auth.TicketStore) {
	v := keepTicket(t, s, newTicket("p", "1", "u", "slot"))
	for range 3 {
		checkHasTicket(t, s, v, "LoadTicket leaves the ticket")
	}
	got, err := s.TakeTicket(t.Context(), "p", "1")
	if err != nil {
		t.Fatalf("TakeTicket after LoadTicket: %v\n\trule: LoadTicket leaves the ticket", err)
	}
	checkTicket(t, "TakeTicket", got, v)
}

func ticketNotFound(t *testing.T, s auth.TicketStore) {
	const rule = "a ticket that is not there is ErrNotFound"
	checkNoTicket(t, s, "p", "1", rule)
	v := keepTicket(t, s, newTicket("p", "1", "u", "slot"))
	checkNoTicket(t, s, "p", "2", rule)
	checkNoTicket(t, s, "q", "1", rule)
	checkNoTicket(t, s, "1", "p", rule)
	for _, text := range append(badKeys(), texts()...) {
		const rule = "looking for odd strings is no more than not finding them"
		checkNoTicket(t, s, "p", text.s, rule)
		checkNoTicket(t, s, text.s, "1", rule)
	}
	checkHasTicket(t, s, v, "a ticket that was put is there")
}

func ticketExpired(t *testing.T, s auth.TicketStore) {
	const rule = "a store reads no clock: what has expired is returned until it is swept"
	v := newTicket("p", "1", "u", "")
	v.CreatedAt, v.ExpiresAt = t0(), t0()
	keepTicket(t, s, v)
	checkHasTicket(t, s, v, rule)
	checkErr(t, "PutTicket over an expired ticket", s.PutTicket(t.Context(), v), auth.ErrExists, rule)
	if _, err := s.TakeTicket(t.Context(), "p", "1"); err != nil {
		t.Errorf("TakeTicket of an expired ticket: %v\n\trule: %s", err, rule)
	}
}

func ticketTake(t *testing.T, s auth.TicketStore) {
	const rule = "TakeTicket returns that ticket and removes it"
	v := keepTicket(t, s, newTicket("p", "1", "u", ""))
	w := keepTicket(t, s, newTicket("p", "2", "u", ""))
	got, err := s.TakeTicket(t.Context(), "p", "1")
	must(t, "TakeTicket", err)
	checkTicket(t, "TakeTicket", got, v)
	checkNoTicket(t, s, "p", "1", rule)
	checkHasTicket(t, s, w, rule)
}

func ticketTakeAtOnce(t *testing.T, s auth.TicketStore) {
	const rule = "of any number of callers of TakeTicket exactly one gets the ticket, the others ErrNotFound"
	for round := range 3 {
		v := keepTicket(t, s, newTicket("p", fmt.Sprint(round), "u", ""))
		got := make([]auth.Ticket, callers)
		errs := atOnce(callers, func(i int) (err error) {
			got[i], err = s.TakeTicket(t.Context(), v.Purpose, v.Key)
			return err
		})
		checkOne(t, "TakeTicket", errs, auth.ErrNotFound, rule)
		for i, err := range errs {
			if err == nil {
				checkTicket(t, "TakeTicket", got[i], v)
			}
		}
	}
}

func ticketDeleteUser(t *testing.T, s auth.TicketStore) {
	const rule = "DeleteUserTickets deletes the tickets of that user and of no other"
	for i, user := range lookalikes() {
		keepTicket(t, s, newTicket("p", fmt.Sprint(i), user, ""))
		keepTicket(t, s, newTicket("q", fmt.Sprint(i), user, fmt.Sprint("slot", i)))
	}
	keepTicket(t, s, newTicket("p", "nobody", "", ""))
	for i, user := range lookalikes() {
		if i%2 == 0 {
			must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), user))
		} else {
			must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), user, "p", "q"))
		}
		for j, other := range lookalikes() {
			if j <= i {
				checkNoTicket(t, s, "p", fmt.Sprint(j), "DeleteUserTickets deletes the user's tickets")
				checkNoTicket(t, s, "q", fmt.Sprint(j), "DeleteUserTickets deletes the user's tickets")
			} else {
				checkHasTicket(t, s, newTicket("p", fmt.Sprint(j), other, ""), rule)
				checkHasTicket(t, s, newTicket("q", fmt.Sprint(j), other, fmt.Sprint("slot", j)), rule)
			}
		}
	}
	checkHasTicket(t, s, newTicket("p", "nobody", "", ""), rule)
}

func ticketDeletePurposes(t *testing.T, s auth.TicketStore) {
	const rule = "DeleteUserTickets deletes the tickets of the given purposes, or all if none is given"
	purposes := []string{"reset", "Reset", "reset ", "reset%", "%", "_", "login", "oauth"}
	put := func() {
		for i, p := range purposes {
			for _, key := range []string{"1", "2"} {
				err := s.PutTicket(t.Context(), newTicket(p, key, "u", ""))
				if err != nil && !errors.Is(err, auth.ErrExists) {
					t.Fatalf("PutTicket: %v", err)
				}
			}
			if err := s.PutTicket(t.Context(), newTicket(p, fmt.Sprint("other", i), "other", "")); err != nil && !errors.Is(err, auth.ErrExists) {
				t.Fatalf("PutTicket: %v", err)
			}
		}
	}
	for _, given := range [][]string{{"reset"}, {"Reset"}, {"%"}, {"_"}, {"login", "oauth"}, {"reset", "reset"}, {"none"}, {""}, {"", "\xff", "a\x00b", "login"}, nil, {}} {
		put()
		must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), "u", given...))
		for i, p := range purposes {
			for _, key := range []string{"1", "2"} {
				_, err := s.LoadTicket(t.Context(), p, key)
				if want := len(given) == 0 || slices.Contains(given, p); errors.Is(err, auth.ErrNotFound) != want {
					t.Errorf("after DeleteUserTickets of %+q, LoadTicket of purpose %+q: %v, want it gone: %v\n\trule: %s", given, p, err, want, rule)
				}
			}
			checkHasTicket(t, s, newTicket(p, fmt.Sprint("other", i), "other", ""), "DeleteUserTickets deletes the tickets of that user and of no other")
		}
	}
}

func ticketDeleteNone(t *testing.T, s auth.TicketStore) {
	const rule = "having none is not an error, and looking for odd strings is no more than not finding them"
	v := keepTicket(t, s, newTicket("p", "1", "u", ""))
	for _, user := range append(badKeys(), texts()...) {
		if err := s.DeleteUserTickets(t.Context(), user.s); err != nil {
			t.Errorf("DeleteUserTickets of user %s: %v\n\trule: %s", user.name, err, rule)
		}
		if err := s.DeleteUserTickets(t.Context(), user.s, "p", "q"); err != nil {
			t.Errorf("DeleteUserTickets of user %s and purposes: %v\n\trule: %s", user.name, err, rule)
		}
		if err := s.DeleteUserTickets(t.Context(), "u", user.s); err != nil {
			t.Errorf("DeleteUserTickets of purpose %s: %v\n\trule: %s", user.name, err, rule)
		}
	}
	checkHasTicket(t, s, v, rule)
}

func ticketDeleteNobody(t *testing.T, s auth.TicketStore) {
	const rule = `no user has the ID "": tickets of nobody are not those of one user`
	v := keepTicket(t, s, newTicket("oauth", "1", "", ""))
	must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), ""))
	must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), "", "oauth"))
	checkHasTicket(t, s, v, rule)
}

func ticketDeleteFreesSlot(t *testing.T, s auth.TicketStore) {
	const rule = "a ticket that was taken or deleted leaves nothing behind: its key and slot are free"
	old := keepTicket(t, s, newTicket("p", "1", "u", "slot"))
	must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), "u"))
	noSlot := old
	noSlot.Slot = ""
	keepTicket(t, s, noSlot)
	keepTicket(t, s, newTicket("p", "2", "u", "slot"))
	checkHasTicket(t, s, noSlot, rule)
	_, err := s.TakeTicket(t.Context(), "p", "2")
	must(t, "TakeTicket", err)
	again := keepTicket(t, s, newTicket("p", "2", "u", ""))
	keepTicket(t, s, newTicket("p", "3", "u", "slot"))
	checkHasTicket(t, s, again, rule)
}

func ticketEnded(t *testing.T, s auth.TicketStore) {
	there := keepTicket(t, s, newTicket("p", "there", "u", "slot"))
	missing := newTicket("p", "missing", "nobody", "slot")
	for name, ctx := range ended(t) {
		for call, f := range map[string]func(ctx context.Context, v auth.Ticket) error{
			"PutTicket": func(ctx context.Context, v auth.Ticket) error { return s.PutTicket(ctx, v) },
			"LoadTicket": func(ctx context.Context, v auth.Ticket) error {
				_, err := s.LoadTicket(ctx, v.Purpose, v.Key)
				return err
			},
			"TakeTicket": func(ctx context.Context, v auth.Ticket) error {
				_, err := s.TakeTicket(ctx, v.Purpose, v.Key)
				return err
			},
			"DeleteUserTickets":              func(ctx context.Context, v auth.Ticket) error { return s.DeleteUserTickets(ctx, v.UserID) },
			"DeleteUserTickets of a purpose": func(ctx context.Context, v auth.Ticket) error { return s.DeleteUserTickets(ctx, v.UserID, v.Purpose) },
		} {
			t.Run(call+" "+name, func(t *testing.T) {
				checkOutage(t, call+" of a ticket that is there", f(ctx, there), endedRule)
				checkOutage(t, call+" of a ticket that is not there", f(ctx, missing), endedRule)
				checkHasTicket(t, s, there, endedRule)
				checkNoTicket(t, s, missing.Purpose, missing.Key, endedRule)
			})
		}
	}
}

// ticketConcurrent is for the race detector: every verb beside every other.
func ticketConcurrent(t *testing.T, s auth.TicketStore) {
	const rule = "methods are safe for concurrent use, and none fails because of another"
	ctx := t.Context()
	errs := atOnce(16, func(i int) error {
		for j := range 8 {
			v := newTicket("p", fmt.Sprint(i, "-", j), fmt.Sprint("u", (i+j)%3), "")
			if j%2 == 0 {
				v.Slot = fmt.Sprint("slot", j)
			}
			if err := s.PutTicket(ctx, v); err != nil {
				return fmt.Errorf("PutTicket: %w", err)
			}
			for verb, f := range map[string]func(context.Context, string, string) (auth.Ticket, error){"LoadTicket": s.LoadTicket, "TakeTicket": s.TakeTicket} {
				got, err := f(ctx, v.Purpose, v.Key)
				if err == nil && (got.UserID != v.UserID || got.Key != v.Key) {
					return errors.New(verb + " returned another ticket")
				}
				if err != nil && !errors.Is(err, auth.ErrNotFound) {
					return fmt.Errorf("%s: %w", verb, err)
				}
			}
			if i%4 == 0 {
				if err := s.DeleteUserTickets(ctx, v.UserID, "p"); err != nil {
					return fmt.Errorf("DeleteUserTickets: %w", err)
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
		}
	}
}
