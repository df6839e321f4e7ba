package mail

import (
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// checkAddress returns an error wrapping [auth.ErrInvalid] unless s is exactly one
// address, as it would be kept with an account. Lists, names beside the address, comments
// and line breaks are refused: mail would go to whoever is in them.
func checkAddress(s string) error {
	key, err := identifier.Email(s)
	if err != nil || len(key) != len(s) { // the key has no spaces around it
		return fmt.Errorf("%w: not exactly one e-mail address", auth.ErrInvalid)
	}
	return nil
}
