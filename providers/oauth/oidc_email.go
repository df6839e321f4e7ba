package oauth

// TrustEmailVerified believes what an OpenID Connect issuer says of an address: it
// is for [ConnectorOptions.EmailStatus] of issuers that make sure of addresses, such
// as your own. An address is verified if the claim "email_verified" beside it is the
// boolean true, and unverified if it is false. Microsoft Entra ID, where whoever runs
// a tenant can write any address, has no such claim: there an address is verified if
// the optional claim "xms_edov" is true. All else is [EmailUnknown].
func TrustEmailVerified(a Account) EmailStatus { return emailSaid(a, false) }

// saidUnverified believes an issuer only that it has not made sure of an address.
func saidUnverified(a Account) EmailStatus {
	if emailSaid(a, false) == EmailUnverified {
		return EmailUnverified
	}
	return EmailUnknown
}

// emailSaid returns what the claims say of the address. With strings, the words
// "true" and "false" count too, which is how some spell it.
func emailSaid(a Account, strings bool) EmailStatus {
	if a.Email == "" || a.Claims["email"] != any(a.Email) {
		return EmailUnknown
	}
	v := a.Claims["email_verified"]
	edov, there := a.Claims["xms_edov"]
	switch {
	case v == false || strings && v == any("false"): // whatever else is said
		return EmailUnverified
	case there && edov == true, !there && (v == true || strings && v == any("true")):
		return EmailVerified
	default:
		return EmailUnknown
	}
}
