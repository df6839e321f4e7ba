package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// noticeEntry is the kind of the entries of what users are told of.
const noticeEntry = "account.notice"

// Events that users are told of by mail, unless Options.WithoutNotices has them. Those
// with consequences are enqueued with the change itself, the others as they happen.
var (
	recordedNotices = []string{"device.added", "password.changed", "password.reset", "account.reclaimed", "email.changed", "email.reverted",
		"credential.added", "credential.removed"}
	observedNotices = []string{"key.created", "remember.reused", lockedEvent}
)

// lockedEvent says that no more guesses are taken, such as those at the password.
const lockedEvent = "account.locked"

// Notices returns the names of the events that users are told of by mail, unless
// [Options.WithoutNotices] has them: at the addresses that the account had when it
// happened, the verified ones, or else the claimed one, which is told no more often than
// [Options.PerAddress] says. Each has the link "this was not me" but "account.locked", where
// nobody was let in: it leads to where a new password is asked for, and is told only
// if it is logins with the password that are locked, and there is one. Of new browsers nobody is told more than 10 times in an hour.
// Beside them an address that is changed is always sent the link by which that is undone, if
// it was verified, and who closes an account that by which it is kept. One that was only
// claimed is told of the change, by "email.changed", and has no link.
func Notices() []string { return slices.Concat(recordedNotices, observedNotices) }

// A notice is what an entry says of what happened. It holds nothing secret.
type notice struct {
	Event      string      `json:"event"`
	At         time.Time   `json:"at"`
	Device     string      `json:"device,omitempty"`
	Addr       string      `json:"addr,omitempty"`
	What       string      `json:"what,omitempty"`  // what people call what was added or removed
	Added      []addedName `json:"added,omitempty"` // the ways to log in that "this was not me" removes
	NewAddress string      `json:"new_address,omitempty"`
	// Powerless: it goes to an address that says nothing any more of who owns the
	// account, and has no link.
	Powerless bool `json:"powerless,omitempty"`
}

// An addedName says which credential was added.
type addedName struct {
	Kind string `json:"kind"`
	Key  string `json:"key"`
}

func (p *Provider) mountNotices(mux auth.Mux) {
	p.post.Handle(noticeEntry, p.composeNotice)
	p.mountDisown(mux)
}

// recordNotice enqueues what the user is told of a change, with it.
func (p *Provider) recordNotice(ctx context.Context, e auth.Event, changes []auth.Change) error {
	if !slices.Contains(recordedNotices, e.Name) || slices.Contains(p.opts.WithoutNotices, e.Name) {
		return nil
	}
	if e.Name == "device.added" {
		if first, err := p.isFirstDevice(ctx, e); err != nil || first {
			return err
		}
	}
	n := noticeOf(e)
	for _, c := range changes {
		switch {
		case c.Old == nil && c.New != nil:
			n.What = p.title(c.New.Kind)
			n.Added = append(n.Added, addedName{c.New.Kind, c.New.Key})
		case c.New == nil && c.Old != nil && n.What == "":
			n.What = p.title(c.Old.Kind)
		}
	}
	if e.Name == "email.changed" || e.Name == "email.reverted" {
		return p.noticeLeft(ctx, e, n, changes)
	}
	return p.enqueueNotice(ctx, e.UserID, n)
}

func noticeOf(e auth.Event) notice {
	n := notice{Event: e.Name, At: e.At, Device: e.Label}
	if e.Addr.IsValid() {
		n.Addr = e.Addr.String()
	}
	return n
}

// observeNotice enqueues what the user is told of what is no change of theirs. It fails
// only into the log.
func (p *Provider) observeNotice(ctx context.Context, e auth.Event) {
	if e.UserID == "" || !slices.Contains(observedNotices, e.Name) || slices.Contains(p.opts.WithoutNotices, e.Name) {
		return
	}
	if e.Name == lockedEvent && (p.pass == nil || e.Method != p.pass.Name()) {
		return // what is locked is no login with the password, and another one would not help
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // it has happened
	defer cancel()
	n := noticeOf(e)
	if e.Name == "key.created" {
		n.What = e.Reason // its name
	}
	if err := p.enqueueNotice(ctx, e.UserID, n); err != nil {
		p.broken(ctx, "enqueueing a notice", e.UserID, err)
	}
}

// enqueueNotice tells the user's addresses: that of a table of the host's, or the verified
// ones, or else those that are claimed.
func (p *Provider) enqueueNotice(ctx context.Context, userID string, n notice) error {
	if address, err := p.hostsAddress(ctx, userID); err != nil {
		return err
	} else if address != "" {
		return p.postNotice(ctx, userID, address, n)
	}
	held, err := p.addresses(ctx, userID)
	if err != nil {
		return err
	}
	for i := range held {
		if held[i].VerifiedAt.IsZero() && !held[0].VerifiedAt.IsZero() {
			break
		}
		if may, err := p.mayTell(ctx, &held[i], n.Event); err != nil {
			return err
		} else if !may {
			continue
		}
		if err := p.postNotice(ctx, userID, held[i].Key, n); err != nil {
			return err
		}
	}
	return nil
}

// newBrowsers is of how many new browsers somebody is told. Who knows a password can log
// in without end, and the mail is not to bury any other.
var newBrowsers = auth.Limit{Max: 10, Per: time.Hour}

// mayTell counts a notice which somebody can cause as often as they like: any to an address
// that is only claimed, whose owner may have nothing to do with the account, and that of a
// new browser to any. If it says no, nothing is sent.
func (p *Provider) mayTell(ctx context.Context, to *auth.Credential, event string) (bool, error) {
	limit := p.opts.PerAddress
	switch {
	case to.VerifiedAt.IsZero():
	case event == "device.added":
		limit = newBrowsers
	default:
		return true, nil
	}
	n, _, err := p.m.Store().Count(ctx, noticeEntry+":"+secret.Digest(p.m.Realm(), noticeEntry, to.Key), limit.Per, p.m.Now())
	return err == nil && n <= limit.Max, err
}

// noticeLeft tells an address that is not the user's any more, and has no power over the
// account: one that was claimed only, or one from which the account was taken back. What
// a verified one that was changed is told has the link to undo it, see recordMove.
func (p *Provider) noticeLeft(ctx context.Context, e auth.Event, n notice, changes []auth.Change) error {
	n.Powerless, n.What, n.Added = true, "", nil
	if now, err := p.addresses(ctx, e.UserID); err != nil {
		return err
	} else if len(now) > 0 {
		n.NewAddress = masked(now[0].Key)
	}
	for _, c := range changes {
		if c.Old == nil || c.New != nil || c.Old.Kind != emailKind || e.Name == "email.changed" && !c.Old.VerifiedAt.IsZero() {
			continue
		}
		if err := p.postNotice(ctx, e.UserID, c.Old.Key, n); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) postNotice(ctx context.Context, userID, address string, n notice) error {
	data, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("account: encoding an entry: %w", err)
	}
	return p.post.Post(ctx, outbox.Entry{Kind: noticeEntry, To: address, UserID: userID, Data: data})
}

// masked is an address for somebody else to recognise, who is not told it.
func masked(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	return local[:1] + "…@" + domain
}

// justRegistered is for how long after it was made an account's first browser is nothing
// to tell of.
const justRegistered = time.Hour

// isFirstDevice reports whether it is the login right after registering that has made a
// browser known. When a user of a table of the host's has registered is not known here:
// what is kept of them begins with the first change.
func (p *Provider) isFirstDevice(ctx context.Context, e auth.Event) (bool, error) {
	if p.pass != nil {
		if name, err := p.pass.LoginName(ctx, e.UserID); errors.Is(err, auth.ErrNotFound) || err == nil && name != "" {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	guard, err := p.m.Store().UserCredentials(ctx, e.UserID, guardKind)
	if err != nil || len(guard) == 0 || e.At.Sub(guard[0].CreatedAt) >= justRegistered {
		return false, err
	}
	known, err := p.m.Store().UserCredentials(ctx, e.UserID, "device")
	return len(known) <= 1, err
}

// title returns what people call credentials of a kind.
func (p *Provider) title(kind string) string {
	for _, q := range p.m.Providers() {
		if owner, ok := auth.As[auth.Owner](q); ok {
			for _, k := range owner.Kinds() {
				if k.Name == kind && k.Title != "" {
					return k.Title
				}
			}
		}
	}
	return kind
}

// composeNotice tells one address of what happened.
func (p *Provider) composeNotice(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	var n notice
	if err := json.Unmarshal(e.Data, &n); err != nil {
		return nil, fmt.Errorf("account: an entry cannot be read: %w", err)
	}
	if there, err := p.there(ctx, e.UserID); err != nil || !there {
		return nil, err
	}
	d := &mail.Draft{ID: "notice." + n.Event, To: e.To, Data: map[string]string{
		"address": e.To, "at": when(n.At), "device": n.Device, "addr": n.Addr, "what": n.What, "new_address": n.NewAddress}}
	switch {
	case n.Powerless:
		return d, nil
	case n.Event == lockedEvent:
		return p.composeLocked(ctx, e, d)
	}
	left := n.At.Add(p.opts.UndoLifetime).Sub(p.m.Now())
	if left <= 0 {
		return d, nil // it is known late, and the link would be good for nothing
	}
	token, err := p.issue(ctx, disownPurpose, shadow(e.UserID), e.ID, disowned{User: e.UserID, Address: e.To, Event: n.Event, At: n.At, Added: n.Added}, left)
	if err != nil {
		return nil, err
	}
	d.Data["link"] = p.post.Link("/disown", token)
	return d, nil
}

// composeLocked is the notice that nobody can log in with the password any more. It leads to
// the page where another is asked for, and holds no token: whoever likes can lock an account,
// and is not to have secrets mailed that are good for long, nor to take the place of one
// that its owner has asked for. A page has no end, so that it is good as well for who reads
// the mail a week later. Nor has it a link "this was not me": nobody was let in, and
// a new password does all that one would do.
func (p *Provider) composeLocked(ctx context.Context, e outbox.Entry, d *mail.Draft) (*mail.Draft, error) {
	if p.pass == nil {
		return d, nil
	}
	// Guesses are counted at whoever is named. Where there is no password nobody could log
	// in with it before, and strangers are not to have its owner asked to set one.
	if has, err := p.pass.HasPassword(ctx, e.UserID); err != nil || !has {
		return nil, err
	}
	o, found, err := p.ownerOf(ctx, e.To)
	if err != nil {
		return nil, err
	}
	if found && o.userID == e.UserID { // else there would be none to ask for
		d.Data["link"] = p.post.Link("/forgot", "")
	}
	return d, nil
}
