package mail

import (
	"net/url"
	"strings"
)

// A concealedError is what it is, and says less.
type concealedError struct {
	error
	text string
}

func (e *concealedError) Error() string { return e.text }
func (e *concealedError) Unwrap() error { return e.error }

// concealed returns err without the secrets of a message in its text: servers repeat what
// they refuse, such as an address that they have on a list.
func concealed(err error, data map[string]string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	lower := strings.ToLower(text)
	for name, value := range data {
		secret := value
		if isLink(name) {
			secret = ""
			if u, err := url.Parse(value); err == nil {
				secret = u.Query().Get("token")
			}
		} else if name != "code" {
			continue
		}
		if secret != "" && strings.Contains(lower, strings.ToLower(secret)) {
			return &concealedError{err, "what was said is not shown: there is a secret of the mail in it"}
		}
	}
	return err
}

func isLink(name string) bool { return name == "link" || strings.HasSuffix(name, "_link") }
