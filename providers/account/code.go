package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

const (
	codePurpose  = "account.code"
	codeDigits   = 8
	codeLifetime = 10 * time.Minute
	codeTries    = 5
	// codeCap is how many codes may be tried at one account without a reset, however many
	// were asked for and however long it takes (NIST SP 800-63B-4, 3.2.2). Then its codes
	// are good no more, and the link that is sent with each is.
	codeCap = 100

	// resetCookie holds the secret of the browser that has asked, without which its code
	// is of no use to anybody.
	resetCookie = "reset"
	// browserLifetime is longer than that of a code, for mail that is slow.
	browserLifetime = time.Hour
)

// A browser is what is kept of a browser's secret: under which key its ticket is, and
// what its code is digested with. Neither is of use without the other, or to who has
// not the secret.
type browser struct {
	Key  string `json:"key"`
	Salt string `json:"salt"`
}

// newBrowser gives the browser that asks a new secret.
func (p *Provider) newBrowser(w http.ResponseWriter, r *http.Request) (browser, error) {
	s := secret.New()
	return p.browserOf(s), p.m.SetCookie(w, r, resetCookie, s, browserLifetime)
}

func (p *Provider) browserOf(s string) browser {
	realm := p.m.Realm()
	return browser{Key: secret.Digest(realm, codePurpose, s), Salt: secret.Digest(realm, codePurpose+".salt", s)}
}

// issueCode makes the code for a browser in place of the user's last one.
func (p *Provider) issueCode(ctx context.Context, o *owner, b browser) (code string, err error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1e8)) // each as likely as another
	if err != nil {
		return "", err
	}
	code = fmt.Sprintf("%0*d", codeDigits, n)
	data, err := json.Marshal(resetTicket{Address: o.address, Code: p.codeDigest(code, b)})
	if err != nil {
		return "", fmt.Errorf("account: encoding a ticket: %w", err)
	}
	now := p.m.Now()
	t := auth.Ticket{Purpose: codePurpose, Key: b.Key, UserID: o.userID, Slot: o.userID, Data: data, CreatedAt: now, ExpiresAt: now.Add(codeLifetime)}
	err = p.m.Store().PutTicket(ctx, t)
	if errors.Is(err, auth.ErrExists) { // of an attempt before to send this mail
		if _, err = p.m.Store().TakeTicket(ctx, t.Purpose, t.Key); err == nil || errors.Is(err, auth.ErrNotFound) {
			err = p.m.Store().PutTicket(ctx, t)
		}
	}
	return code, err
}

func (p *Provider) codeDigest(code string, b browser) string {
	return secret.Digest(p.m.Realm(), codePurpose+".code", code, b.Salt)
}

// resetByCode counts, looks, compares and only then goes on: of any number of attempts
// at once five compare anything.
func (p *Provider) resetByCode(w http.ResponseWriter, r *http.Request, code, password string) error {
	ctx := r.Context()
	s := p.m.Cookie(r, resetCookie)
	if !secret.Valid(s) {
		return wrongBrowser("Type the code into the browser in which you have asked for it.")
	}
	b := p.browserOf(s)
	counter := "account.code:" + b.Key
	n, _, err := p.m.Store().Count(ctx, counter, 24*time.Hour, p.m.Now())
	if err != nil {
		return err
	}
	if n > codeTries {
		return linkInvalid(errors.New("account: the tries at a code are used up"))
	}
	t, err := p.m.Store().LoadTicket(ctx, codePurpose, b.Key)
	none := errors.Is(err, auth.ErrNotFound) || err == nil && !p.m.Now().Before(t.ExpiresAt) // no account, or no longer
	if err != nil && !none {
		return err
	}
	may, err := p.mayTry(ctx, b, t.UserID, none)
	if err != nil {
		return err
	}
	if none || !may {
		return wrongCode()
	}
	var data resetTicket
	if err := json.Unmarshal(t.Data, &data); err != nil {
		return fmt.Errorf("account: a ticket cannot be read: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(p.codeDigest(code, b)), []byte(data.Code)) != 1 {
		return wrongCode()
	}
	err = p.reset(ctx, t, data.Address, password)
	if err != nil && !isLinkInvalid(err) { // the code was right, and good: this was no try
		err = errors.Join(err, p.m.Store().Forget(ctx, counter, p.codeCounter(t.UserID)))
	}
	if err != nil {
		return err
	}
	return p.m.SetCookie(w, r, resetCookie, "", -1)
}

// mayTry counts a try at the account's codes. Where there is no code it counts as well,
// for nothing, so that it takes as long.
func (p *Provider) mayTry(ctx context.Context, b browser, userID string, none bool) (bool, error) {
	counter, lasts := p.codeCounter(userID), time.Duration(0)
	if none {
		counter, lasts = "account.code of nobody:"+b.Key, codeLifetime
	}
	n, _, err := p.m.Store().Count(ctx, counter, lasts, p.m.Now())
	return err == nil && n <= codeCap, err
}

// codeCounter counts the tries at a user's codes since their last reset.
func (p *Provider) codeCounter(userID string) string {
	return "account.code of user:" + secret.Digest(p.m.Realm(), codePurpose+".user", userID)
}

func codeField() auth.Field {
	return auth.Field{Name: "code", Label: "Code", Type: "text", Autocomplete: "one-time-code", MinLength: codeDigits, MaxLength: codeDigits}
}

func wrongCode() error {
	return invalidField("code", "This is not the code, or it is not good any more.")
}

func wrongBrowser(detail string) error {
	return &auth.Problem{Status: http.StatusForbidden, Code: "wrong_browser", Detail: detail}
}
