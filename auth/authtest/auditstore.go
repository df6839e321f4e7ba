package authtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

// TestAuditStore tests every rule of [audit.Store], and those of [auth.Store] that hold
// for it. It calls open once for each subtest; open returns an empty store, which keeps at
// least 100 records of a user.
func TestAuditStore(t *testing.T, open func(t *testing.T) audit.Store) {
	run := func(name string, f func(t *testing.T, s audit.Store)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("RoundTrip", auditRoundTrip)
	run("RoundTripTexts", auditTexts)
	run("RoundTripTimes", auditTimes)
	run("IDsByteForByte", auditIDs)
	run("Users", auditUsers)
	run("Invalid", auditInvalid)
	run("AppendExists", auditExists)
	run("AppendAtOnce", auditAppendAtOnce)
	run("Order", auditOrder)
	run("After", auditAfter)
	run("AfterNothing", auditAfterNothing)
	run("Limit", auditLimit)
	run("Expired", auditExpired)
	run("DeleteUser", auditDeleteUser)
	run("DeleteUserNobody", auditDeleteNobody)
	run("EndedContext", auditEnded)
	run("Concurrent", auditConcurrent)
	first := open(t)
	if _, ok := auth.As[auth.Sweeper](first); !ok {
		t.Errorf("no Sweep is found\n\trule: expired records are deleted by Sweep, which auth.As finds as auth.Sweeper")
	} else {
		sweep := func(name string, f func(t *testing.T, s audit.Store, w auth.Sweeper)) {
			run(name, func(t *testing.T, s audit.Store) {
				w, _ := auth.As[auth.Sweeper](s)
				f(t, s, w)
			})
		}
		sweep("Sweep", auditSweep)
		sweep("SweepLimit", auditSweepLimit)
		sweep("SweepEndedContext", auditSweepEnded)
	}
	if _, ok := auth.As[transactor](first); ok {
		inTx := func(name string, f func(t *testing.T, s audit.Store, tx transactor)) {
			run(name, func(t *testing.T, s audit.Store) {
				tx, _ := auth.As[transactor](s)
				f(t, s, tx)
			})
		}
		inTx("InTxCommits", auditCommits)
		inTx("InTxRollsBack", auditRollsBack)
		inTx("InTxGoesOn", auditGoesOn)
	}
}

const appendRule = "a record that was appended is there until it is swept or deleted"

// newRecord returns a record with something in every field, of what happened at t0.
func newRecord(id, realm, userID string) audit.Record {
	return audit.Record{
		ID:    id,
		Realm: realm,
		Event: auth.Event{
			Name:   "login.failed",
			At:     t0(),
			UserID: userID,
			Actor:  "root",
			Method: "password",
			Addr:   addrs()[1],
			Label:  "Firefox on Linux",
			Reason: "it is wrong",
		},
		ExpiresAt: t1(),
	}
}

func keepRecord(t *testing.T, s audit.Store, r audit.Record) audit.Record {
	t.Helper()
	must(t, "Append", s.Append(t.Context(), r))
	return r
}

func checkRecord(t *testing.T, call string, got, want audit.Record) {
	t.Helper()
	checkText(t, call+": ID", got.ID, want.ID)
	checkText(t, call+": Realm", got.Realm, want.Realm)
	checkText(t, call+": Name", got.Name, want.Name)
	checkText(t, call+": UserID", got.UserID, want.UserID)
	checkText(t, call+": Actor", got.Actor, want.Actor)
	checkText(t, call+": Method", got.Method, want.Method)
	checkText(t, call+": Label", got.Label, want.Label)
	checkText(t, call+": Reason", got.Reason, want.Reason)
	checkTime(t, call+": At", got.At, want.At)
	checkTime(t, call+": ExpiresAt", got.ExpiresAt, want.ExpiresAt)
	if got.Addr != want.Addr {
		t.Errorf("%s: Addr is %v, want %v\n\trule: of an event it keeps Addr", call, got.Addr, want.Addr)
	}
	if got.Action != "" || got.Object != "" || got.Policy != "" || got.Took != 0 {
		t.Errorf("%s: something of a decision is kept: %+v\n\trule: of an event it keeps Name, At, UserID, Actor, Method, Addr, Label and Reason", call, got.Event)
	}
}

// recordsOf returns the user's records, or stops the test.
func recordsOf(t *testing.T, s audit.Store, realm, userID, after string, limit int) []audit.Record {
	t.Helper()
	list, err := s.UserRecords(t.Context(), realm, userID, after, limit)
	must(t, "UserRecords", err)
	return list
}

func recordIDs(list []audit.Record) []string {
	ids := []string{}
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

// checkRecords requires that the user has these, in this order.
func checkRecords(t *testing.T, s audit.Store, realm, userID, rule string, want ...string) {
	t.Helper()
	if got := recordIDs(recordsOf(t, s, realm, userID, "", 1000)); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("user %.40q in realm %.40q has %.300q, want %.300q\n\trule: %s", userID, realm, got, want, rule)
	}
}

func auditRoundTrip(t *testing.T, s audit.Store) {
	full := newRecord("full", "realm", "full")
	full.Action, full.Object, full.Policy, full.Took = "edit", "post/17", "owner", time.Second
	all := []audit.Record{full, {ID: "least", Event: auth.Event{Name: "n", At: t0()}}}
	for i, addr := range addrs() {
		r := newRecord(fmt.Sprint("addr ", i), "", fmt.Sprint("addr ", i))
		r.Addr = addr
		all = append(all, r)
	}
	for _, r := range all {
		keepRecord(t, s, r)
	}
	for _, want := range all {
		want.Action, want.Object, want.Policy, want.Took = "", "", "", 0
		list := recordsOf(t, s, want.Realm, want.UserID, "", 10)
		if len(list) != 1 {
			t.Errorf("user %q has %d records, want 1\n\trule: %s", want.UserID, len(list), appendRule)
			continue
		}
		checkRecord(t, "UserRecords", list[0], want)
	}
}

// recordTextFields are the fields of a record that hold text.
func recordTextFields() map[string]func(r *audit.Record, s string) {
	return map[string]func(r *audit.Record, s string){
		"ID":     func(r *audit.Record, s string) { r.ID = s },
		"Realm":  func(r *audit.Record, s string) { r.Realm = s },
		"Name":   func(r *audit.Record, s string) { r.Name = s },
		"UserID": func(r *audit.Record, s string) { r.UserID = s },
		"Actor":  func(r *audit.Record, s string) { r.Actor = s },
		"Method": func(r *audit.Record, s string) { r.Method = s },
		"Label":  func(r *audit.Record, s string) { r.Label = s },
		"Reason": func(r *audit.Record, s string) { r.Reason = s },
	}
}

func auditTexts(t *testing.T, s audit.Store) {
	for _, text := range texts() {
		r := newRecord("", "", "")
		for _, set := range recordTextFields() {
			set(&r, text.s)
		}
		keepRecord(t, s, r)
	}
	for _, text := range texts() {
		want := newRecord("", "", "")
		for _, set := range recordTextFields() {
			set(&want, text.s)
		}
		list := recordsOf(t, s, text.s, text.s, "", 10)
		if len(list) != 1 {
			t.Errorf("%s: %d records, want 1\n\trule: strings compare byte for byte", text.name, len(list))
			continue
		}
		checkRecord(t, "UserRecords of "+text.name, list[0], want)
	}
}

func auditTimes(t *testing.T, s audit.Store) {
	for _, at := range instants() {
		r := newRecord(at.name, "", at.name)
		r.ExpiresAt = at.t
		if !at.t.IsZero() {
			r.At = at.t
		}
		keepRecord(t, s, r)
		list := recordsOf(t, s, "", at.name, "", 10)
		if len(list) != 1 {
			t.Fatalf("%s: %d records, want 1\n\trule: %s", at.name, len(list), appendRule)
		}
		checkRecord(t, "UserRecords of "+at.name, list[0], r)
	}
}

func auditIDs(t *testing.T, s audit.Store) {
	const rule = "IDs compare byte for byte"
	for i, text := range texts() {
		r := newRecord(text.s, "", "u")
		r.At = t0().Add(-time.Duration(i) * time.Second)
		if err := s.Append(t.Context(), r); err != nil {
			t.Errorf("Append of %s: %v\n\trule: %s", text.name, err, rule)
		}
	}
	for i, text := range texts()[:len(texts())-1] {
		list := recordsOf(t, s, "", "u", text.s, 1)
		if len(list) != 1 || list[0].ID != texts()[i+1].s {
			t.Errorf("after %s: %+q, want %+q\n\trule: %s", text.name, recordIDs(list), texts()[i+1].s, rule)
		}
	}
}

func auditUsers(t *testing.T, s audit.Store) {
	const rule = "UserRecords returns those of the user in the realm, which compare byte for byte"
	for _, text := range texts() {
		keepRecord(t, s, newRecord("user "+text.name, "", text.s))
		keepRecord(t, s, newRecord("realm "+text.name, text.s, "u"))
	}
	for _, pair := range split() {
		keepRecord(t, s, newRecord(fmt.Sprintf("split %q", pair), pair[0], pair[1]))
	}
	keepRecord(t, s, newRecord("nobody", "", ""))
	for _, text := range texts() {
		checkRecords(t, s, "", text.s, rule, "user "+text.name)
		checkRecords(t, s, text.s, "u", rule, "realm "+text.name)
	}
	for _, pair := range split() {
		checkRecords(t, s, pair[0], pair[1], rule, fmt.Sprintf("split %q", pair))
	}
	checkRecords(t, s, "", "", `those of userID "" are those of no known user`, "nobody")
	for _, bad := range badTexts() {
		checkRecords(t, s, "", bad.s, "looking for odd strings is no more than not finding them")
		checkRecords(t, s, bad.s, "u", "looking for odd strings is no more than not finding them")
	}
	checkRecords(t, s, "", "none", "having none is not an error")
}

func auditInvalid(t *testing.T, s audit.Store) {
	const rule = "what a store cannot keep as it is, it refuses with ErrInvalid"
	refused := func(what string, change func(r *audit.Record)) {
		t.Helper()
		r := newRecord("1", "", "u")
		change(&r)
		checkErr(t, "Append with "+what, s.Append(t.Context(), r), auth.ErrInvalid, rule)
	}
	for field, set := range recordTextFields() {
		bad := badTexts()
		if field == "ID" || field == "Name" {
			bad = badKeys()
		}
		for _, text := range bad {
			refused(field+" "+text.name, func(r *audit.Record) { set(r, text.s) })
		}
	}
	refused("no At", func(r *audit.Record) { r.At = time.Time{} })
	checkRecords(t, s, "", "u", "a record that was refused is not kept")
}

func auditExists(t *testing.T, s audit.Store) {
	const rule = "Append gives ErrExists if there is a record with its ID, and leaves it"
	r := keepRecord(t, s, newRecord("1", "", "u"))
	for _, other := range []audit.Record{r, newRecord("1", "", "other"), newRecord("1", "realm", "u")} {
		other.Name, other.At = "other", t1()
		checkErr(t, "Append again", s.Append(t.Context(), other), auth.ErrExists, rule)
	}
	list := recordsOf(t, s, "", "u", "", 10)
	if len(list) != 1 {
		t.Fatalf("%d records, want 1\n\trule: %s", len(list), rule)
	}
	checkRecord(t, "UserRecords", list[0], r)
	checkRecords(t, s, "", "other", rule)
	checkRecords(t, s, "realm", "u", rule)
}

func auditAppendAtOnce(t *testing.T, s audit.Store) {
	const rule = "of any number of callers exactly one appends an ID, the others get ErrExists"
	errs := atOnce(callers, func(int) error { return s.Append(t.Context(), newRecord("1", "", "u")) })
	checkOne(t, "Append", errs, auth.ErrExists, rule)
	checkRecords(t, s, "", "u", rule, "1")
}

func auditExpired(t *testing.T, s audit.Store) {
	const rule = "a store reads no clock: what has expired is returned until it is swept"
	r := newRecord("1", "", "u")
	r.ExpiresAt = t0()
	keepRecord(t, s, r)
	checkRecords(t, s, "", "u", rule, "1")
	checkErr(t, "Append over an expired record", s.Append(t.Context(), r), auth.ErrExists, rule)
}

func auditDeleteUser(t *testing.T, s audit.Store) {
	const rule = "DeleteUser deletes all records of the user in the realm, and no others"
	for i := range 5 {
		keepRecord(t, s, newRecord(fmt.Sprint(i), "", "ada"))
	}
	keepRecord(t, s, newRecord("realm", "realm", "ada"))
	keepRecord(t, s, newRecord("nobody", "", ""))
	for _, text := range texts()[1:] {
		keepRecord(t, s, newRecord("of "+text.name, "", text.s))
	}
	must(t, "DeleteUser", s.DeleteUser(t.Context(), "", "ada"))
	checkRecords(t, s, "", "ada", rule)
	checkRecords(t, s, "realm", "ada", rule, "realm")
	checkRecords(t, s, "", "", rule, "nobody")
	for _, text := range texts()[1:] {
		checkRecords(t, s, "", text.s, rule, "of "+text.name)
	}
	keepRecord(t, s, newRecord("0", "", "ada")) // its ID is free
	checkRecords(t, s, "", "ada", rule, "0")
}

func auditDeleteNobody(t *testing.T, s audit.Store) {
	const rule = `having none is not an error; userID "" deletes nothing`
	keepRecord(t, s, newRecord("nobody", "", ""))
	for _, text := range append(badKeys(), texts()...) {
		if err := s.DeleteUser(t.Context(), "", text.s); err != nil {
			t.Errorf("DeleteUser of user %s: %v\n\trule: %s", text.name, err, rule)
		}
		if err := s.DeleteUser(t.Context(), text.s, "u"); err != nil {
			t.Errorf("DeleteUser in realm %s: %v\n\trule: %s", text.name, err, rule)
		}
	}
	checkRecords(t, s, "", "", rule, "nobody")
}

func auditEnded(t *testing.T, s audit.Store) {
	r := keepRecord(t, s, newRecord("there", "", "u"))
	for name, ctx := range ended(t) {
		checkOutage(t, "Append "+name, s.Append(ctx, newRecord("new", "", "u")), endedRule)
		checkOutage(t, "Append of what is there "+name, s.Append(ctx, r), endedRule)
		for _, user := range []string{"u", "nobody", "\x00"} {
			_, err := s.UserRecords(ctx, "", user, "", 10)
			checkOutage(t, "UserRecords "+name, err, endedRule)
			_, err = s.UserRecords(ctx, "", user, "missing", 0)
			checkOutage(t, "UserRecords after what is missing "+name, err, endedRule)
		}
		checkOutage(t, "DeleteUser "+name, s.DeleteUser(ctx, "", "u"), endedRule)
		checkOutage(t, "DeleteUser of nobody "+name, s.DeleteUser(ctx, "", ""), endedRule)
	}
	checkRecords(t, s, "", "u", endedRule, "there")
}

// auditConcurrent is for the race detector: every verb beside every other.
func auditConcurrent(t *testing.T, s audit.Store) {
	const rule = "methods are safe for concurrent use, and none fails because of another"
	ctx := t.Context()
	errs := atOnce(12, func(i int) error {
		for j := range 6 {
			user := fmt.Sprint("u", (i+j)%3)
			id := fmt.Sprint(i, "-", j)
			if err := s.Append(ctx, newRecord(id, "", user)); err != nil {
				return fmt.Errorf("it was not appended: %w", err)
			}
			list, err := s.UserRecords(ctx, "", user, "", 100)
			if err != nil {
				return fmt.Errorf("UserRecords: %w", err)
			}
			for _, r := range list {
				if r.UserID != user {
					return errors.New("UserRecords returned another user's")
				}
			}
			if _, err := s.UserRecords(ctx, "", user, id, 2); err != nil {
				return fmt.Errorf("UserRecords: %w", err)
			}
			if i%4 == 0 {
				if err := s.DeleteUser(ctx, "", "u1"); err != nil {
					return fmt.Errorf("DeleteUser: %w", err)
				}
			}
			if w, ok := auth.As[auth.Sweeper](s); ok {
				if _, err := w.Sweep(ctx, t0(), 10); err != nil {
					return fmt.Errorf("Sweep: %w", err)
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
