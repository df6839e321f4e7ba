package account

import "github.com/gatehouse-go/gatehouse/auth"

const (
	closingKind = "closing"    // the user has closed the account, which is not gone yet
	undoKind    = "email.undo" // the link to a former address of a user's; their shadow has it
	removedKind = "removed"    // a way in that was removed from a user's; their shadow has it
)

// Kinds implements [auth.Owner]. None of them lets anybody act as the user: they are kept
// when the account is taken over.
func (p *Provider) Kinds() (kinds []auth.Kind) {
	for _, name := range []string{closingKind, undoKind, removedKind} {
		kinds = append(kinds, auth.Kind{Name: name, Role: auth.Token, Consequences: map[string]auth.Fate{"account.reclaimed": auth.Keep}})
	}
	return kinds
}
