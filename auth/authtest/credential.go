package authtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestCredentialStore tests every rule of [auth.CredentialStore], and those of
// [auth.Store] that hold for it. It calls open once for each subtest; open
// returns an empty store.
func TestCredentialStore(t *testing.T, open func(t *testing.T) auth.CredentialStore) {
	run := func(name string, f func(t *testing.T, s auth.CredentialStore)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("RoundTrip", credentialRoundTrip)
	run("RoundTripTexts", credentialTexts)
	run("RoundTripTimes", credentialTimes)
	run("RoundTripData", credentialData)
	run("SharesNoMemory", credentialMemory)
	run("KeysByteForByte", credentialKeys)
	run("UserIDsByteForByte", credentialUserIDs)
	run("Invalid", credentialInvalid)
	run("LoadNotFound", credentialLoadNotFound)
	run("LoadExpired", credentialLoadExpired)
	run("User", credentialUser)
	run("UserKinds", credentialUserKinds)
	run("UserOrder", credentialUserOrder)
	run("UserNone", credentialUserNone)
	run("CreateVersion", credentialCreateVersion)
	run("CreateExists", credentialCreateExists)
	run("CreateAtOnce", credentialCreateAtOnce)
	run("Replace", credentialReplace)
	run("ReplaceVersion", credentialReplaceVersion)
	run("ReplaceOldIsAName", credentialOldIsAName)
	run("ReplaceNotFound", credentialReplaceNotFound)
	run("ReplaceConflict", credentialReplaceConflict)
	run("ReplaceOwner", credentialReplaceOwner)
	run("ReplaceAtOnce", credentialReplaceAtOnce)
	run("Delete", credentialDelete)
	run("DeleteConflict", credentialDeleteConflict)
	run("DeleteAtOnce", credentialDeleteAtOnce)
	run("AllOrNone", credentialAllOrNone)
	run("Malformed", credentialMalformed)
	run("NoChanges", credentialNoChanges)
	run("OppositeOrder", credentialOppositeOrder)
	run("LastTwoWaysIn", credentialLastTwoWaysIn)
	run("Atomic", credentialAtomic)
	run("EndedContext", credentialEnded)
	run("Concurrent", credentialConcurrent)
}

// newCredential returns a credential with something in every field.
func newCredential(kind, key, userID string) *auth.Credential {
	return &auth.Credential{
		Kind:       kind,
		Key:        key,
		UserID:     userID,
		Data:       []byte("data\x00of " + key),
		Label:      "My phone",
		Version:    1,
		Generation: 7,
		CreatedAt:  t0(),
		VerifiedAt: t0().Add(time.Minute),
		UsedAt:     t0().Add(time.Hour),
		ExpiresAt:  t1(),
	}
}

// copyCredential returns a copy that shares nothing with c.
func copyCredential(c *auth.Credential) *auth.Credential {
	d := *c
	d.Data = slices.Clone(c.Data)
	return &d
}

// checkCredential requires that got is what a store keeps of want, with the
// Version that is in want.
func checkCredential(t *testing.T, call string, got, want *auth.Credential) {
	t.Helper()
	checkText(t, call+": Kind", got.Kind, want.Kind)
	checkText(t, call+": Key", got.Key, want.Key)
	checkText(t, call+": UserID", got.UserID, want.UserID)
	checkText(t, call+": Label", got.Label, want.Label)
	checkData(t, call+": Data", got.Data, want.Data)
	if got.Version != want.Version {
		t.Errorf("%s: Version is %d, want %d", call, got.Version, want.Version)
	}
	if got.Generation != want.Generation {
		t.Errorf("%s: Generation is %d, want %d\n\trule: the Generation is the caller's", call, got.Generation, want.Generation)
	}
	checkTime(t, call+": CreatedAt", got.CreatedAt, want.CreatedAt)
	checkTime(t, call+": VerifiedAt", got.VerifiedAt, want.VerifiedAt)
	checkTime(t, call+": UsedAt", got.UsedAt, want.UsedAt)
	checkTime(t, call+": ExpiresAt", got.ExpiresAt, want.ExpiresAt)
}

// checkLoadCredential requires that the store has want.
func checkLoadCredential(t *testing.T, s auth.CredentialStore, want *auth.Credential) {
	t.Helper()
	got, err := s.LoadCredential(t.Context(), want.Kind, want.Key)
	if err != nil {
		t.Errorf("LoadCredential(%+q, %+q): %v", want.Kind, want.Key, err)
		return
	}
	checkCredential(t, "LoadCredential", &got, want)
}

// checkNoCredential requires that the store does not have the credential.
func checkNoCredential(t *testing.T, s auth.CredentialStore, kind, key, rule string) {
	t.Helper()
	_, err := s.LoadCredential(t.Context(), kind, key)
	checkErr(t, fmt.Sprintf("LoadCredential(%.40q, %.40q)", kind, key), err, auth.ErrNotFound, rule)
}

// checkUserCredentials requires that the user has these credentials, named
// "kind/key", in any order.
func checkUserCredentials(t *testing.T, s auth.CredentialStore, userID, rule string, names ...string) {
	t.Helper()
	list, err := s.UserCredentials(t.Context(), userID)
	if err != nil {
		t.Errorf("UserCredentials(%+q): %v\n\trule: %s", userID, err, rule)
		return
	}
	got := credentialNames(list)
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("UserCredentials(%+q) is %+q, want %+q\n\trule: %s", userID, got, names, rule)
	}
}

func credentialNames(list []auth.Credential) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Kind+"/"+c.Key)
	}
	return names
}

func create(c *auth.Credential) auth.Change { return auth.Change{New: copyCredential(c)} }
func remove(c *auth.Credential) auth.Change { return auth.Change{Old: copyCredential(c)} }
func replace(old, new_ *auth.Credential) auth.Change {
	return auth.Change{Old: copyCredential(old), New: copyCredential(new_)}
}

// relabel returns a change of c's Label.
func relabel(c *auth.Credential, label string) auth.Change {
	d := copyCredential(c)
	d.Label = label
	return auth.Change{Old: copyCredential(c), New: d}
}

// keepCredential creates the credential, and stops the test if it cannot.
func keepCredential(t *testing.T, s auth.CredentialStore, c *auth.Credential) *auth.Credential {
	t.Helper()
	must(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), create(c)))
	return c
}

func credentialRoundTrip(t *testing.T, s auth.CredentialStore) {
	full := keepCredential(t, s, newCredential("k", "1", "u"))
	least := keepCredential(t, s, &auth.Credential{Kind: "k", Key: "2", UserID: "u", Version: 1})
	big := newCredential("k", "3", "u")
	big.Generation = 1<<63 - 1
	keepCredential(t, s, big)
	negative := newCredential("k", "4", "u")
	negative.Generation = -1
	keepCredential(t, s, negative)
	all := []*auth.Credential{full, least, big, negative}
	for _, want := range all {
		checkLoadCredential(t, s, want)
	}
	list, err := s.UserCredentials(t.Context(), "u")
	must(t, "UserCredentials", err)
	if len(list) != len(all) {
		t.Fatalf("UserCredentials: %d credentials, want %d", len(list), len(all))
	}
	for i, want := range all {
		checkCredential(t, "UserCredentials", &list[i], want)
	}
}

// credentialTextFields are the fields of a credential that hold text.
func credentialTextFields() map[string]func(c *auth.Credential, v string) {
	return map[string]func(c *auth.Credential, v string){
		"Kind":   func(c *auth.Credential, v string) { c.Kind = v },
		"Key":    func(c *auth.Credential, v string) { c.Key = v },
		"UserID": func(c *auth.Credential, v string) { c.UserID = v },
		"Label":  func(c *auth.Credential, v string) { c.Label = v },
	}
}

func credentialTexts(t *testing.T, s auth.CredentialStore) {
	for _, text := range texts() {
		t.Run(text.name, func(t *testing.T) {
			c := newCredential(text.s, text.s, text.s)
			c.Label = text.s
			keepCredential(t, s, c)
			checkLoadCredential(t, s, c)
			must(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), relabel(c, "other")))
			d := copyCredential(c)
			d.Version = 2
			must(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), relabel(d, text.s)))
			d.Version = 3
			checkLoadCredential(t, s, d)
			must(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), remove(d)))
			checkNoCredential(t, s, text.s, text.s, "a deleted credential is gone")
		})
	}
}

func credentialTimes(t *testing.T, s auth.CredentialStore) {
	for _, at := range instants() {
		t.Run(at.name, func(t *testing.T) {
			c := newCredential("k", at.name, "u")
			c.CreatedAt, c.VerifiedAt, c.UsedAt, c.ExpiresAt = at.t, at.t, at.t, at.t
			keepCredential(t, s, c)
			checkLoadCredential(t, s, c)
			r := newCredential("k", "replaced "+at.name, "u")
			keepCredential(t, s, r)
			d := copyCredential(r)
			d.CreatedAt, d.VerifiedAt, d.UsedAt, d.ExpiresAt = at.t, at.t, at.t, at.t
			must(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), replace(r, d)))
			d.Version = 2
			checkLoadCredential(t, s, d)
		})
	}
}

func credentialData(t *testing.T, s auth.CredentialStore) {
	for name, data := range blobs() {
		t.Run(name, func(t *testing.T) {
			c := newCredential("k", name, "u")
			c.Data = data
			keepCredential(t, s, c)
			checkLoadCredential(t, s, c)
			list, err := s.UserCredentials(t.Context(), "u", "k")
			must(t, "UserCredentials", err)
			for _, got := range list {
				if got.Key == name {
					checkData(t, "UserCredentials: Data", got.Data, data)
				}
			}
			r := newCredential("replaced", name, "u")
			keepCredential(t, s, r)
			d := copyCredential(r)
			d.Data = data
			must(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), replace(r, d)))
			d.Version = 2
			checkLoadCredential(t, s, d)
		})
	}
}

func credentialMemory(t *testing.T, s auth.CredentialStore) {
	const rule = "what goes in and comes out shares no memory, and what goes in is not changed"
	ctx := t.Context()
	want := newCredential("k", "1", "u")

	given := newCredential("k", "1", "u")
	given.Version = 99
	given.CreatedAt = time.Date(2026, 3, 4, 0, 30, 0, 5e5, time.FixedZone("", 3600))
	want.CreatedAt = given.CreatedAt
	before := fmt.Sprintf("%#v", *given)
	must(t, "ChangeCredentials", s.ChangeCredentials(ctx, auth.Change{New: given}))
	if now := fmt.Sprintf("%#v", *given); now != before {
		t.Errorf("ChangeCredentials changed New:\n\tit is  %s\n\tit was %s\n\trule: %s", now, before, rule)
	}
	loaded := func(what string) {
		t.Helper()
		got, err := s.LoadCredential(ctx, "k", "1")
		must(t, "LoadCredential", err)
		if string(got.Data) != string(want.Data) || got.Label != want.Label {
			t.Errorf("after the caller changed %s, the store has Data %q and Label %q, want %q and %q\n\trule: %s", what, got.Data, got.Label, want.Data, want.Label, rule)
		}
	}
	given.Data[0], given.Label, given.UserID = 'X', "X", "X"
	loaded("the credential that was created")

	out, err := s.LoadCredential(ctx, "k", "1")
	must(t, "LoadCredential", err)
	if len(out.Data) > 0 {
		out.Data[0] = 'X'
		_ = append(out.Data[:1], "XXXX"...)
	}
	loaded("what LoadCredential returned")

	list, err := s.UserCredentials(ctx, "u")
	must(t, "UserCredentials", err)
	if len(list) != 1 {
		t.Fatalf("UserCredentials: %d, want 1", len(list))
	}
	if len(list[0].Data) > 0 {
		list[0].Data[0] = 'X'
	}
	list[0].Label = "X"
	loaded("what UserCredentials returned")

	old, next := copyCredential(want), copyCredential(want)
	next.Data, next.Label, next.Version = []byte("other"), "other", 99
	oldBefore, nextBefore := fmt.Sprintf("%#v", *old), fmt.Sprintf("%#v", *next)
	must(t, "ChangeCredentials", s.ChangeCredentials(ctx, auth.Change{Old: old, New: next}))
	if now := fmt.Sprintf("%#v", *old); now != oldBefore {
		t.Errorf("ChangeCredentials changed Old:\n\tit is  %s\n\tit was %s\n\trule: %s", now, oldBefore, rule)
	}
	if now := fmt.Sprintf("%#v", *next); now != nextBefore {
		t.Errorf("ChangeCredentials changed New:\n\tit is  %s\n\tit was %s\n\trule: %s", now, nextBefore, rule)
	}
	want.Data, want.Label = []byte("other"), "other"
	next.Data[0], next.Label = 'X', "X"
	loaded("the credential that replaced it")
}

func credentialKeys(t *testing.T, s auth.CredentialStore) {
	const rule = "kinds and keys compare byte for byte, and only together"
	var all []*auth.Credential
	for _, text := range texts() {
		all = append(all, newCredential("k", text.s, "u"), newCredential(text.s, "k", "u"))
	}
	for _, pair := range split() {
		all = append(all, newCredential(pair[0], pair[1], "u"))
	}
	for i, c := range all {
		c.Label = fmt.Sprint(i)
		if err := s.ChangeCredentials(t.Context(), create(c)); err != nil {
			t.Errorf("create (%+q, %+q): %v\n\trule: %s", c.Kind, c.Key, err, rule)
		}
	}
	for _, c := range all {
		got, err := s.LoadCredential(t.Context(), c.Kind, c.Key)
		if err != nil || got.Kind != c.Kind || got.Key != c.Key || got.Label != c.Label {
			t.Errorf("LoadCredential(%+q, %+q) is (%+q, %+q), error %v\n\trule: %s", c.Kind, c.Key, got.Kind, got.Key, err, rule)
		}
	}
}

func credentialUserIDs(t *testing.T, s auth.CredentialStore) {
	for i, text := range texts() {
		keepCredential(t, s, newCredential("k", fmt.Sprint(i), text.s))
	}
	for i, text := range texts() {
		checkUserCredentials(t, s, text.s, "user IDs compare byte for byte", fmt.Sprint("k/", i))
	}
}

func credentialInvalid(t *testing.T, s auth.CredentialStore) {
	const rule = "what a store cannot keep as it is, it refuses with ErrInvalid, and makes no change"
	there := keepCredential(t, s, newCredential("k", "there", "u"))
	for name, set := range credentialTextFields() {
		bad := badKeys()
		if name == "Label" {
			bad = badTexts()
		}
		for _, text := range bad {
			t.Run(name+" "+text.name, func(t *testing.T) {
				c := newCredential("k", "1", "u")
				set(c, text.s)
				err := s.ChangeCredentials(t.Context(), auth.Change{New: c})
				checkErr(t, "create", err, auth.ErrInvalid, rule)
				checkNoCredential(t, s, c.Kind, c.Key, "a credential that was refused is not kept")
				d := copyCredential(there)
				set(d, text.s)
				err = s.ChangeCredentials(t.Context(), auth.Change{Old: there, New: d})
				checkErr(t, "replace", err, auth.ErrInvalid, rule)
				checkLoadCredential(t, s, there)
			})
		}
	}
	t.Run("Data 65,536 bytes", func(t *testing.T) {
		c := newCredential("k", "1", "u")
		c.Data = make([]byte, 1<<16)
		checkErr(t, "create", s.ChangeCredentials(t.Context(), auth.Change{New: c}), auth.ErrInvalid, rule)
		checkNoCredential(t, s, "k", "1", "a credential that was refused is not kept")
		d := copyCredential(there)
		d.Data = c.Data
		checkErr(t, "replace", s.ChangeCredentials(t.Context(), auth.Change{Old: there, New: d}), auth.ErrInvalid, rule)
		checkLoadCredential(t, s, there)
	})
}

func credentialLoadNotFound(t *testing.T, s auth.CredentialStore) {
	const rule = "a credential that is not there is ErrNotFound"
	checkNoCredential(t, s, "k", "1", rule)
	keepCredential(t, s, newCredential("k", "1", "u"))
	checkNoCredential(t, s, "k", "2", rule)
	checkNoCredential(t, s, "l", "1", rule)
	checkNoCredential(t, s, "1", "k", rule)
	for _, sep := range []string{"\x00", "\xff"} { // what a store may join them with, since no key has it
		checkNoCredential(t, s, "k"+sep+"1", "", rule)
		checkNoCredential(t, s, "", "k"+sep+"1", rule)
	}
	for _, text := range append(badKeys(), texts()...) {
		const rule = "looking for odd strings is no more than not finding them"
		checkNoCredential(t, s, "k", text.s, rule)
		checkNoCredential(t, s, text.s, "1", rule)
	}
}

func credentialLoadExpired(t *testing.T, s auth.CredentialStore) {
	const rule = "a store reads no clock: what has expired is returned until it is swept"
	c := newCredential("k", "1", "u")
	c.ExpiresAt = t0()
	keepCredential(t, s, c)
	if _, err := s.LoadCredential(t.Context(), "k", "1"); err != nil {
		t.Errorf("LoadCredential of an expired credential: %v\n\trule: %s", err, rule)
	}
	checkUserCredentials(t, s, "u", rule, "k/1")
	checkErr(t, "create over an expired credential", s.ChangeCredentials(t.Context(), create(c)), auth.ErrExists, rule)
	if err := s.ChangeCredentials(t.Context(), relabel(c, "x")); err != nil {
		t.Errorf("replace an expired credential: %v\n\trule: %s", err, rule)
	}
	c.Version = 2
	if err := s.ChangeCredentials(t.Context(), remove(c)); err != nil {
		t.Errorf("delete an expired credential: %v\n\trule: %s", err, rule)
	}
}
