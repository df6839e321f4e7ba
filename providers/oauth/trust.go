package oauth

// Whose word about an address is taken is in gothCatalogue, by the package of
// goth's provider, and in the connectors that do not go by goth. It takes a type as
// strict as the identity provider's documentation has it: what is not exactly that
// is not known.

// emailFlag takes a boolean of the profile at path.
func emailFlag(path ...string) func(Account) EmailStatus {
	return func(a Account) EmailStatus {
		switch claimAt(a.Claims, path) {
		case true:
			return EmailVerified
		case false:
			return EmailUnverified
		}
		return EmailUnknown
	}
}

// emailFlagOrString takes "true" as well, of those that are known to send that.
func emailFlagOrString(path ...string) func(Account) EmailStatus {
	flag := emailFlag(path...)
	return func(a Account) EmailStatus {
		switch claimAt(a.Claims, path) {
		case "true":
			return EmailVerified
		case "false":
			return EmailUnverified
		}
		return flag(a)
	}
}

// emailAlways is of providers by goth that give no address but one that has been
// made sure of.
func emailAlways(Account) EmailStatus { return EmailVerified }

func claimAt(claims map[string]any, path []string) any {
	var v any = claims
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}
