package pages

// Texts returns the texts of the pages by id, in English: what Options.Texts
// can replace. The map is the caller's.
//
// A provider brings texts of its own (labels, hints, buttons, problems); those
// here with the same meaning are used where it says nothing, and
// Options.Texts replaces both. A text of a field, hint or button can be
// replaced on one page only: "register.field.password" before
// "field.password". A problem can be replaced for one field only:
// "problem.invalid_field.email" before "problem.invalid_field". The button of a form
// "oauth.github" has "submit.oauth.github", or else "submit.oauth" for all of them, in
// which {title} stands for "GitHub". A provider's own
// page "code" has "code.title" and "code.lead". A message from before, such as
// "settings.saved" of a host's own, has "flash.settings.saved", or else
// "flash.settings"; one without a text is not shown.
func Texts() map[string]string {
	return map[string]string{
		// About the language. Times are laid out as in package time, which has names
		// of months in English only: in another language take numbers.
		"html.lang":   "en",
		"html.dir":    "ltr",
		"time.layout": "2 January 2006, 15:04 MST",

		"login.title":         "Log in",
		"login.lead":          "",
		"login.or":            "or",
		"login.none":          "There is no way to log in here.",
		"login.register":      "New here?",
		"login.register_link": "Create an account",

		"register.title":      "Create an account",
		"register.lead":       "",
		"register.login":      "Already have an account?",
		"register.login_link": "Log in",

		"account.title":         "Your account",
		"account.user":          "Logged in as {user}",
		"account.ways":          "How you log in",
		"account.ways_none":     "Nothing is set up yet.",
		"account.added":         "Added",
		"account.used":          "Last used",
		"account.password_link": "Change password",
		"account.sessions":      "Devices",
		"account.sessions_lead": "See where you are logged in, and log out from devices that you no longer use.",
		"account.sessions_link": "Manage devices",
		"account.accounts":      "Linked accounts",
		"account.accounts_lead": "Log in with accounts that you have on other sites.",
		"account.accounts_link": "Manage linked accounts",
		"account.keys":          "API keys",
		"account.keys_lead":     "Let programs act for you.",
		"account.keys_link":     "Manage API keys",
		"account.logout":        "Log out",

		"sessions.title":         "Devices",
		"sessions.lead":          "These devices are logged in to your account. Log out any that you do not recognise, and then change your password.",
		"sessions.none":          "No device is logged in.",
		"sessions.unknown":       "Unknown device",
		"sessions.current":       "This device",
		"sessions.remembered":    "Stays logged in",
		"sessions.seen":          "Last seen",
		"sessions.began":         "Logged in",
		"sessions.addr":          "Address",
		"sessions.revoke":        "Log out",
		"sessions.others":        "Log out everywhere else",
		"sessions.others_lead":   "Every device but this one has to log in again.",
		"sessions.only":          "You are logged in on this device only.",
		"sessions.password_link": "Change password",

		"password.title": "Change password",
		"password.lead":  "Your other devices will be logged out.",

		"accounts.title":        "Linked accounts",
		"accounts.lead":         "Accounts on other sites that you can log in here with.",
		"accounts.none":         "No account on another site is linked.",
		"accounts.linked":       "Linked",
		"accounts.used":         "Last used",
		"accounts.used_never":   "never",
		"accounts.last":         "This is your only way to log in, so it cannot be removed. Set up another first.",
		"accounts.unlink":       "Remove",
		"accounts.add":          "Link another account",
		"accounts.link":         "Link {title}",
		"accounts.confirm":      "Before you link or remove an account, please prove once more who you are.",
		"accounts.confirm_link": "Confirm it is you",

		"keys.title":         "API keys",
		"keys.lead":          "Programs use these keys to act for you. Revoke any that you do not recognise or no longer need.",
		"keys.none":          "You have no keys.",
		"keys.prefix":        "Begins with",
		"keys.scopes":        "Limited to",
		"keys.scopes_none":   "nothing",
		"keys.created":       "Created",
		"keys.expires":       "Expires",
		"keys.expires_never": "never",
		"keys.used":          "Last used",
		"keys.used_never":    "never",
		"keys.revoke":        "Revoke",
		"keys.rename":        "Rename",
		"keys.new_name":      "New name",
		"keys.rename_submit": "Save",
		"keys.create":        "New key",
		"keys.may":           "What may it do?",
		"keys.confirm":       "Before you create a key, please prove once more who you are.",
		"keys.confirm_link":  "Confirm it is you",

		"key.title": "Your new API key",
		"key.lead":  "Copy it now and keep it in a safe place. It is not shown again.",
		"key.done":  "I have copied it",

		"confirm.title": "Confirm it is you",
		"confirm.lead":  "You are logged in. Before you go on, please prove once more who you are.",
		"confirm.none":  "There is no way to confirm who you are here. Log out and log in again.",

		"error.title":      "Something went wrong",
		"error.home_link":  "Go to the start page",
		"error.login_link": "Log in",

		"error.title.unauthenticated": "Please log in",
		"error.title.forbidden":       "Not allowed",
		"error.title.proof_required":  "Another proof is needed",
		"error.title.cross_origin":    "Not accepted",
		"error.title.not_found":       "Page not found",
		"error.title.rate_limited":    "Too many attempts",
		"error.title.busy":            "A moment, please",
		"error.title.unavailable":     "Not available right now",

		// Any page that has no template of its own.
		"page.title": "One more step",
		"page.lead":  "",
		"page.none":  "There is nothing to do here.",

		"nav.account": "Your account",
		"nav.home":    "Start page",

		"field.optional": "(optional)",
		"field.email":    "Email address",
		"field.username": "User name",
		"field.login":    "Email address or user name",
		"field.name":     "Name",
		"field.password": "Password",
		"field.current":  "Current password",
		"field.code":     "Code",
		"field.remember": "Stay logged in on this device",

		"register.field.password": "New password",
		"password.field.password": "New password",

		"hint.min_length": "At least {n} characters. A few unrelated words work well.",

		"submit":          "Continue",
		"login.submit":    "Log in",
		"register.submit": "Create account",
		"password.submit": "Change password",
		"confirm.submit":  "Confirm",

		"submit.oauth":         "Continue with {title}",
		"confirm.submit.oauth": "Confirm with {title}",

		"problem.prefix":    "Error:",
		"problem.see_field": "Please check: {field}",
		"problem.minute":    "You can try again in a minute.",
		"problem.minutes":   "You can try again in {n} minutes.",

		"problem":                        "That did not work. Please try again.",
		"problem.unauthenticated":        "Please log in to see this page.",
		"problem.bad_credentials":        "This is not right. Check what you entered and try again.",
		"problem.not_fresh":              "Please prove once more who you are.",
		"problem.proof_required":         "This needs another proof that it is you, which you cannot give here.",
		"problem.factor_owed":            "One more step is needed to log in.",
		"problem.forbidden":              "You are not allowed to do this.",
		"problem.cross_origin":           "This was sent from another site. Please try again from here.",
		"problem.taken":                  "This is already in use.",
		"problem.too_many_keys":          "You cannot have more keys. Revoke one that is no longer needed.",
		"problem.conflict":               "This was changed somewhere else meanwhile. Please try again.",
		"problem.last_credential":        "This is your last way to log in: set up another first.",
		"problem.oauth_denied":           "The other site did not let you log in, or you cancelled it there. Nothing was changed here.",
		"problem.oauth_expired":          "This login took too long, or was begun in another browser. Please try again from here.",
		"problem.oauth_failed":           "The other site's answer could not be used. Please try again.",
		"problem.oauth_unavailable":      "The other site does not answer right now. Please try again later, or log in another way.",
		"problem.account_exists":         "There is an account with this email address already. Log in to it as you usually do; then you can link this one in your account.",
		"problem.not_registered":         "Nobody here has linked this account. Log in another way, and link it.",
		"problem.too_many_links":         "You have linked as many accounts as you can. Unlink one first.",
		"problem.already_linked":         "This account on the other site is linked to another user here.",
		"problem.not_linked":             "This account is not linked, or was removed already.",
		"problem.wrong_account":          "This is another account than the one that is linked to yours. Choose the right one on the other site, and try again.",
		"problem.domain_refused":         "Accounts of this organisation cannot be used here.",
		"problem.malformed":              "What was sent could not be understood. Please try again.",
		"problem.too_large":              "What was sent is too long.",
		"problem.unsupported_media_type": "What was sent could not be understood. Please try again.",
		"problem.invalid_field":          "This cannot be used. Please enter something else.",
		"problem.password_blocklisted":   "This password is too common and easy to guess. Please choose another.",
		"problem.rate_limited":           "There were too many attempts.",
		"problem.busy":                   "A lot of people are logging in right now. Please try again in a moment.",
		"problem.unavailable":            "This does not work right now. Please try again later.",
		"problem.internal":               "Something went wrong on our side. Please try again later.",
		"problem.method_not_allowed":     "This page cannot be used like that.",
		"problem.not_found":              "There is nothing at this address.",

		// Messages from before. The end of an id is cut off until there is a text.
		"flash.unauthenticated":          "Please log in to go on.",
		"flash.unauthenticated.expired":  "Your login has expired. Please log in again.",
		"flash.unauthenticated.revoked":  "You are no longer logged in. Please log in again.",
		"flash.unauthenticated.disabled": "You are no longer logged in. Please log in again.",
		"flash.unauthenticated.changed":  "Your account was changed, so you were logged out. Please log in again.",
		"flash.unauthenticated.binding":  "Your browser or your network has changed, so you were logged out. Please log in again.",
		"flash.unauthenticated.limited":  "You come back too often for being kept logged in on this device. Please log in again.",
		"flash.unauthenticated.reused":   "For your safety you were logged out: what kept you logged in on this device was used from somewhere else, too. Please log in again, and look at your devices.",
		"flash.unauthenticated.owed":     "One more step is needed to log in. Please log in again.",
		"flash.not_fresh":                "This is only for those who have just confirmed who they are.",
		"flash.proof_required":           "This needs another proof that it is you.",
		"flash.logged_out":               "You are logged out.",
		"flash.sessions.revoked":         "The device is logged out.",
		"flash.sessions.revoked.others":  "All other devices are logged out.",
		"flash.oauth.linked":             "The account is linked. You can log in with it from now on.",
		"flash.oauth.unlinked":           "The account is removed. It cannot be used to log in any more.",
		"flash.key.renamed":              "The key has its new name.",
		"flash.key.revoked":              "The key is revoked, and of no use any more.",
		"flash.password.changed":         "Your password is changed, and your other devices are logged out.",

		"way.email":    "Email address",
		"way.username": "User name",
		"way.password": "Password",
	}
}
