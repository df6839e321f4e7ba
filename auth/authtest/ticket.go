package authtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestTicketStore tests every rule of [auth.TicketStore], and those of
// [auth.Store] that hold for it. It calls open once for each subtest; open
// returns an empty store.
func TestTicketStore(t *testing.T, open func(t *testing.T) auth.TicketStore) {
	run := func(name string, f func(t *testing.T, s auth.TicketStore)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("RoundTrip", ticketRoundTrip)
	run("RoundTripTexts", ticketTexts)
	run("RoundTripTimes", ticketTimes)
	run("RoundTripData", ticketData)
	run("SharesNoMemory", ticketMemory)
	run("KeysByteForByte", ticketKeys)
	run("Invalid", ticketInvalid)
	run("PutExists", ticketPutExists)
	run("PutAtOnce", ticketPutAtOnce)
	run("SlotReplaces", ticketSlotReplaces)
	run("SlotOnly", ticketSlotOnly)
	run("SlotExists", ticketSlotExists)
	run("SlotAtOnce", ticketSlotAtOnce)
	run("LoadLeaves", ticketLoadLeaves)
	run("NotFound", ticketNotFound)
	run("Expired", ticketExpired)
	run("Take", ticketTake)
	run("TakeAtOnce", ticketTakeAtOnce)
	run("DeleteUser", ticketDeleteUser)
	run("DeleteUserPurposes", ticketDeletePurposes)
	run("DeleteUserNone", ticketDeleteNone)
	run("DeleteUserNobody", ticketDeleteNobody)
	run("DeleteUserFreesSlot", ticketDeleteFreesSlot)
	run("EndedContext", ticketEnded)
	run("Concurrent", ticketConcurrent)
}

// newTicket returns a ticket with something in every field.
func newTicket(purpose, key, userID, slot string) auth.Ticket {
	return auth.Ticket{
		Purpose:   purpose,
		Key:       key,
		UserID:    userID,
		Slot:      slot,
		Data:      []byte("data\x00of " + key),
		CreatedAt: t0(),
		ExpiresAt: t1(),
	}
}

func checkTicket(t *testing.T, call string, got, want auth.Ticket) {
	t.Helper()
	checkText(t, call+": Purpose", got.Purpose, want.Purpose)
	checkText(t, call+": Key", got.Key, want.Key)
	checkText(t, call+": UserID", got.UserID, want.UserID)
	checkText(t, call+": Slot", got.Slot, want.Slot)
	checkData(t, call+": Data", got.Data, want.Data)
	checkTime(t, call+": CreatedAt", got.CreatedAt, want.CreatedAt)
	checkTime(t, call+": ExpiresAt", got.ExpiresAt, want.ExpiresAt)
}

// checkHasTicket requires that the store has want.
func checkHasTicket(t *testing.T, s auth.TicketStore, want auth.Ticket, rule string) {
	t.Helper()
	got, err := s.LoadTicket(t.Context(), want.Purpose, want.Key)
	if err != nil {
		t.Errorf("LoadTicket(%+q, %+q): %v\n\trule: %s", want.Purpose, want.Key, err, rule)
		return
	}
	checkTicket(t, "LoadTicket", got, want)
}

// checkNoTicket requires that the store does not have the ticket.
func checkNoTicket(t *testing.T, s auth.TicketStore, purpose, key, rule string) {
	t.Helper()
	_, err := s.LoadTicket(t.Context(), purpose, key)
	checkErr(t, fmt.Sprintf("LoadTicket(%.40q, %.40q)", purpose, key), err, auth.ErrNotFound, rule)
	_, err = s.TakeTicket(t.Context(), purpose, key)
	checkErr(t, fmt.Sprintf("TakeTicket(%.40q, %.40q)", purpose, key), err, auth.ErrNotFound, rule)
}

// keepTicket puts the ticket, and stops the test if it cannot.
func keepTicket(t *testing.T, s auth.TicketStore, v auth.Ticket) auth.Ticket {
	t.Helper()
	given := v
	given.Data = slices.Clone(v.Data)
	must(t, "PutTicket", s.PutTicket(t.Context(), given))
	return v
}

func ticketRoundTrip(t *testing.T, s auth.TicketStore) {
	all := []auth.Ticket{
		newTicket("p", "full", "u", "slot"),
		{Purpose: "p", Key: "least"},
		newTicket("p", "no user", "", "other slot"),
		newTicket("p", "no slot", "u", ""),
	}
	for _, v := range all {
		keepTicket(t, s, v)
	}
	for _, want := range all {
		checkHasTicket(t, s, want, "a ticket that was put is there")
		got, err := s.TakeTicket(t.Context(), want.Purpose, want.Key)
		must(t, "TakeTicket", err)
		checkTicket(t, "TakeTicket", got, want)
	}
}

// ticketTextFields are the fields of a ticket that hold text.
func ticketTextFields() map[string]func(v *auth.Ticket, s string) {
	return map[string]func(v *auth.Ticket, s string){
		"Purpose": func(v *auth.Ticket, s string) { v.Purpose = s },
		"Key":     func(v *auth.Ticket, s string) { v.Key = s },
		"UserID":  func(v *auth.Ticket, s string) { v.UserID = s },
		"Slot":    func(v *auth.Ticket, s string) { v.Slot = s },
	}
}

func ticketTexts(t *testing.T, s auth.TicketStore) {
	for _, text := range texts() {
		t.Run(text.name, func(t *testing.T) {
			v := keepTicket(t, s, newTicket(text.s, text.s, text.s, text.s))
			checkHasTicket(t, s, v, "strings come back byte for byte")
			got, err := s.TakeTicket(t.Context(), text.s, text.s)
			must(t, "TakeTicket", err)
			checkTicket(t, "TakeTicket", got, v)
		})
	}
}

func ticketTimes(t *testing.T, s auth.TicketStore) {
	for _, at := range instants() {
		t.Run(at.name, func(t *testing.T) {
			v := newTicket("p", at.name, "u", "")
			v.CreatedAt, v.ExpiresAt = at.t, at.t
			keepTicket(t, s, v)
			checkHasTicket(t, s, v, "a ticket that was put is there")
			got, err := s.TakeTicket(t.Context(), "p", at.name)
			must(t, "TakeTicket", err)
			checkTicket(t, "TakeTicket", got, v)
		})
	}
}

func ticketData(t *testing.T, s auth.TicketStore) {
	for name, data := range blobs() {
		t.Run(name, func(t *testing.T) {
			v := newTicket("p", name, "u", "")
			v.Data = data
			keepTicket(t, s, v)
			checkHasTicket(t, s, v, "a ticket that was put is there")
			got, err := s.TakeTicket(t.Context(), "p", name)
			must(t, "TakeTicket", err)
			checkTicket(t, "TakeTicket", got, v)
		})
	}
}

func ticketMemory(t *testing.T, s auth.TicketStore) {
	const rule = "what goes in and comes out shares no memory"
	want := newTicket("p", "1", "u", "")
	given := newTicket("p", "1", "u", "")
	must(t, "PutTicket", s.PutTicket(t.Context(), given))
	loaded := func(what string) {
		t.Helper()
		got, err := s.LoadTicket(t.Context(), "p", "1")
		must(t, "LoadTicket", err)
		if string(got.Data) != string(want.Data) {
			t.Errorf("after the caller changed the Data of %s, the store has %q, want %q\n\trule: %s", what, got.Data, want.Data, rule)
		}
	}
	if string(given.Data) != string(want.Data) {
		t.Errorf("PutTicket changed Data to %q\n\trule: %s", given.Data, rule)
	}
	given.Data[0] = 'X'
	loaded("the ticket that was put")
	out, err := s.LoadTicket(t.Context(), "p", "1")
	must(t, "LoadTicket", err)
	if len(out.Data) > 0 {
		out.Data[0] = 'X'
		_ = append(out.Data[:1], "XXXX"...)
	}
	loaded("what LoadTicket returned")
}

func ticketKeys(t *testing.T, s auth.TicketStore) {
	const rule = "purposes and keys compare byte for byte, and only together"
	var all []auth.Ticket
	for _, text := range texts() {
		all = append(all, newTicket("p", text.s, "u", ""), newTicket(text.s, "p", "u", ""))
	}
	for _, pair := range split() {
		all = append(all, newTicket(pair[0], pair[1], "u", ""))
	}
	for i := range all {
		all[i].Data = fmt.Append(nil, i)
		if err := s.PutTicket(t.Context(), all[i]); err != nil {
			t.Errorf("PutTicket(%+q, %+q): %v\n\trule: %s", all[i].Purpose, all[i].Key, err, rule)
		}
	}
	for _, v := range all {
		got, err := s.LoadTicket(t.Context(), v.Purpose, v.Key)
		if err != nil || got.Purpose != v.Purpose || got.Key != v.Key || string(got.Data) != string(v.Data) {
			t.Errorf("LoadTicket(%+q, %+q) is (%+q, %+q), error %v\n\trule: %s", v.Purpose, v.Key, got.Purpose, got.Key, err, rule)
		}
	}
	for _, v := range all {
		got, err := s.TakeTicket(t.Context(), v.Purpose, v.Key)
		if err != nil || got.Purpose != v.Purpose || got.Key != v.Key || string(got.Data) != string(v.Data) {
			t.Errorf("TakeTicket(%+q, %+q) is (%+q, %+q), error %v\n\trule: %s", v.Purpose, v.Key, got.Purpose, got.Key, err, rule)
		}
	}
}

func ticketInvalid(t *testing.T, s auth.TicketStore) {
	const rule = "what a store cannot keep as it is, it refuses with ErrInvalid"
	inSlot := keepTicket(t, s, newTicket("p", "there", "u", "slot"))
	refused := func(t *testing.T, v auth.Ticket) {
		t.Helper()
		checkErr(t, "PutTicket", s.PutTicket(t.Context(), v), auth.ErrInvalid, rule)
		checkNoTicket(t, s, v.Purpose, v.Key, "a ticket that was refused is not kept")
		checkHasTicket(t, s, inSlot, "a ticket that was refused replaces nothing")
	}
	for name, set := range ticketTextFields() {
		bad := badTexts()
		if name == "Purpose" || name == "Key" {
			bad = badKeys()
		}
		for _, text := range bad {
			t.Run(name+" "+text.name, func(t *testing.T) {
				v := newTicket("p", "1", "u", "slot")
				set(&v, text.s)
				refused(t, v)
			})
		}
	}
	t.Run("Data 65,536 bytes", func(t *testing.T) {
		v := newTicket("p", "1", "u", "slot")
		v.Data = make([]byte, 1<<16)
		refused(t, v)
	})
}
