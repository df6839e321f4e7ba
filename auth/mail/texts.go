package mail

// Texts returns the texts of the mail by id, in English: what [Options.Texts] can
// replace. The map is the caller's.
//
// A message has an id, such as "account.verify", and the texts "account.verify.subject",
// ".lead" (what it is about), ".button" (what the link does) and ".note" (what else is to
// be said); an empty line parts two paragraphs. Those that a notice does not have are "notice.button"
// and "notice.note". A host's own message has texts like these, under an id of its own.
// The label of a fact can be replaced in one message: "account.closing.fact.at" before
// "fact.at".
//
// The {words} are the data of a message. Every message has {site} and {address}, whom it is
// sent to. What a provider gives, see [Draft.Data], are
//
//	link         where the button leads; without it there is none
//	code         what can be typed instead; shown if it is given
//	new_address  in "account.undo", "account.email-taken" and "notice.email.changed"
//	what         what it is about, such as the name of an API key; "email",
//	             "password" and "username" are said as "what.password" does
//	at, until    a time by RFC 3339, laid out as "time.layout" says, with its zone
//	device       a browser, as auth.Event has it in Label: "Firefox on Linux"
//	             is said as "device.named" does
//	addr         the network address that it came from
//
// The last five are shown one on a line, where they are given. Values are cut to one line,
// and no address in them is a link, but for link and for what ends in _link.
func Texts() map[string]string {
	return map[string]string{
		// About the language. Times are laid out as in package time, which has names
		// of months in English only: in another language take numbers.
		"html.lang":   "en",
		"html.dir":    "ltr",
		"time.layout": "2 January 2006, 15:04 MST",

		// What all messages have.
		"mail.lead":   "",
		"mail.button": "Continue",
		"mail.note":   "",
		"mail.link":   "If the button does not work, copy this address into your browser:",
		"mail.code":   "Or type this code on the page where you asked for it:",
		"mail.footer": "You get this message because of your account at {site}, or because somebody has typed your address there. It was sent automatically to {address}.",

		"fact.what":   "What",
		"fact.at":     "When",
		"fact.until":  "Until",
		"fact.device": "Device",
		"fact.addr":   "Network address",

		// What is called in English where it is put down: devices, and ways to log in.
		"device.named":   "{browser} on {system}",
		"device.unknown": "Unknown device",
		"what.email":     "e-mail address",
		"what.password":  "password",
		"what.username":  "user name",

		// To have an account.
		"account.verify.subject": "Confirm your e-mail address for {site}",
		"account.verify.lead": "There is an account at {site} with the address {address}. Whoever made it has chosen how to log in to it, such as a password.\n\n" +
			"If that was you, confirm that the address is yours.",
		"account.verify.button": "Confirm my address",
		"account.verify.note": "The link works once, and only for some time.\n\n" +
			"If you did not make this account, somebody else has, and knows its password. Do not just confirm it: open the link, and say there that it was not you. The account then becomes yours, and whoever made it can no longer use it.",

		"account.register.subject": "Finish your registration at {site}",
		"account.register.lead": "Somebody has registered at {site} with the address {address}, and has chosen a password.\n\n" +
			"If that was you, confirm that the address is yours. The account is made only then.",
		"account.register.button": "Confirm my address",
		"account.register.note": "The link works once, and only for some time. In another browser than the one you registered with, you are asked for the password that you have chosen.\n\n" +
			"If that was not you, do nothing: no account is made without this confirmation. Somebody else has chosen the password, so do not confirm it for them.",

		"account.taken.subject": "You have an account at {site} already",
		"account.taken.lead": "Somebody has tried to register at {site} with the address {address}. There is an account with this address already, so no other was made.\n\n" +
			"If that was you, log in to the account that you have. If you have forgotten its password, you can set a new one there.",
		"account.taken.button": "Go to {site}",
		"account.taken.note":   "If that was not you, you need not do anything: nothing has changed.",

		// To get back in.
		"account.forgot.subject": "Set a new password for {site}",
		"account.forgot.lead":    "Somebody has asked to set a new password for your account at {site}.\n\nIf that was you, choose one now.",
		"account.forgot.button":  "Set a new password",
		"account.forgot.note": "The link works once, only for a short time, and only until you ask for another.\n\n" +
			"If that was not you, do nothing: your password stays as it is. Do not give this message to anybody, whoever asks for it.",

		"account.unknown.subject": "You have no account at {site} with this address",
		"account.unknown.lead": "Somebody has asked to set a new password at {site} for the address {address}. There is no account with this address.\n\n" +
			"If that was you, you may have registered with another address, or you log in with an account that you have on another site.",
		"account.unknown.button": "Go to {site}",
		"account.unknown.note":   "If that was not you, you need not do anything.",

		"account.first-password.subject": "Set a password for {site}",
		"account.first-password.lead":    "Somebody has asked to set a password for your account at {site}. It has none so far: you log in to it in another way.\n\nIf that was you, choose one now.",
		"account.first-password.button":  "Set a password",
		"account.first-password.note": "The link works once, only for a short time, and only until you ask for another.\n\n" +
			"If that was not you, do nothing: your account stays without a password. Do not give this message to anybody, whoever asks for it.",

		// To have another address.
		"account.email.subject": "Confirm your new e-mail address for {site}",
		"account.email.lead": "Somebody has asked that {address} be the address of their account at {site} from now on.\n\n" +
			"If that was you, confirm that the address is yours.",
		"account.email.button": "Confirm my new address",
		"account.email.note": "The link works once, and only for some time. Until it is confirmed your account keeps its present address.\n\n" +
			"If that was not you, do nothing: the address is then not used.",

		"account.email-taken.subject": "Your address is that of another account at {site}",
		"account.email-taken.lead": "Somebody has asked that {address} be the address of their account at {site} from now on. That cannot be done: there is another account with this address.\n\n" +
			"If that was you, log in to the other account and change its address, or close it.",
		"account.email-taken.button": "Go to {site}",
		"account.email-taken.note":   "If that was not you, you need not do anything: nothing has changed.",

		"account.undo.subject": "The e-mail address of your account at {site} was changed",
		"account.undo.lead":    "The address of your account at {site} is no longer {address}. It is now {new_address}.",
		"account.undo.button":  "This was not me: change it back",
		"account.undo.note": "If that was you, you need not do anything.\n\n" +
			"If that was not you, open the link, as long as it is good. Your address is changed back, everybody is logged out of your account, and if you log in with a password you get a message to set a new one.",

		// To leave.
		"account.closing.subject":    "Your account at {site} will be deleted",
		"account.closing.lead":       "Your account at {site} was closed: nobody can log in to it any more. After a time it is deleted for good, with all that belongs to it.",
		"account.closing.fact.until": "Will be deleted",
		"account.closing.button":     "Keep my account",
		"account.closing.note":       "If you want to leave, you need not do anything.\n\nIf you have changed your mind, or if it was not you who closed the account, open the link before it is deleted. If it was not you, then change what you log in with, such as your password: whoever it was can log in again, too.",

		"account.gone.subject": "Your account at {site} was deleted",
		"account.gone.lead":    "Your account at {site} was deleted, with all that belonged to it, as it was asked for when the account was closed.",
		"account.gone.button":  "Go to {site}",
		"account.gone.note":    "It cannot be brought back. You get no more mail about it.",

		// To log in without a password.
		"link.login.subject": "Log in to {site}",
		"link.login.lead":    "Somebody has asked to log in to your account at {site} by mail.\n\nIf that was you, open the link in the browser where you asked for it.",
		"link.login.button":  "Log in",
		"link.login.note": "The link works once, only for a short time, and in that browser only.\n\n" +
			"If that was not you, do nothing: nobody is logged in. Do not give this message to anybody, whoever asks for it.",

		"link.unknown.subject": "You have no account at {site} with this address",
		"link.unknown.lead": "Somebody has asked to log in at {site} with the address {address}. There is no account with this address.\n\n" +
			"If that was you, you may have registered with another address.",
		"link.unknown.button": "Go to {site}",
		"link.unknown.note":   "If that was not you, you need not do anything.",

		// Notices. They say what has happened, and have the link for whoever it was not.
		"notice.button": "This was not me",
		"notice.note": "If this was you, you need not do anything.\n\n" +
			"If this was not you, open the link, as long as it is good. Everybody is logged out of your account, and if you log in with a password you get a message to set a new one.",

		"notice.device.added.subject":       "New device at {site}",
		"notice.device.added.lead":          "Somebody has logged in to your account at {site} with a browser that has not been used for it before.",
		"notice.password.changed.subject":   "Your password at {site} was changed",
		"notice.password.changed.lead":      "The password of your account at {site} was changed by somebody who was logged in. Your other devices were logged out.",
		"notice.password.reset.subject":     "A new password was set at {site}",
		"notice.password.reset.lead":        "A new password was set for your account at {site}, with a link or a code from a message to your address. All devices were logged out.",
		"notice.email.verified.subject":     "Your e-mail address at {site} was confirmed",
		"notice.email.verified.lead":        "The address {address} of your account at {site} was confirmed.",
		"notice.email.changed.subject":      "The e-mail address of your account at {site} was changed",
		"notice.email.changed.lead":         "The address of your account at {site} was changed to {new_address}.",
		"notice.email.changed.note":         "If that was you, you need not do anything.\n\nIf you know of no such account, somebody had given your address there. It was never confirmed, and has nothing to do with the account any more.",
		"notice.email.reverted.subject":     "The e-mail address of your account at {site} was changed back",
		"notice.email.reverted.lead":        "A change of the address of your account at {site} was undone, by a link from a message to the address that it had before. Everybody was logged out.",
		"notice.email.reverted.note":        "If the account is yours, log in with the address that it had before, or set a new password by it.\n\nElse you need not do anything: this address has nothing to do with the account any more.",
		"notice.credential.added.subject":   "A new way to log in to {site} was added",
		"notice.credential.added.lead":      "A way to log in was added to your account at {site}.",
		"notice.credential.added.note":      "If this was you, you need not do anything.\n\nIf this was not you, open the link, as long as it is good. What was added is removed, everybody is logged out of your account, and if you log in with a password you get a message to set a new one.",
		"notice.credential.removed.subject": "A way to log in to {site} was removed",
		"notice.credential.removed.lead":    "A way to log in was removed from your account at {site}.",
		"notice.credential.changed.subject": "A way to log in to {site} was changed",
		"notice.credential.changed.lead":    "A way to log in to your account at {site} was changed.",
		"notice.key.created.subject":        "A new API key was made at {site}",
		"notice.key.created.lead":           "An API key was made for your account at {site}. A program that has it can act in your name.",
		"notice.key.created.note":           "If this was you, you need not do anything.\n\nIf this was not you, open the link, as long as it is good. Your keys are removed, everybody is logged out of your account, and if you log in with a password you get a message to set a new one.",
		"notice.remember.reused.subject":    "Somebody may have copied your login at {site}",
		"notice.remember.reused.lead":       "A browser that stays logged in to your account at {site} was seen twice with the same token. That happens when somebody has copied it from your device. The login was ended in both places.",
		"notice.remember.reused.note":       "If you have copied a browser's profile to another device, or have restored one from a backup, that was the reason, and you need not do anything.\n\nElse open the link, as long as it is good. Everybody is logged out of your account, and if you log in with a password you get a message to set a new one. Look for harmful programs on your device, too.",
		"notice.account.locked.subject":     "Too many wrong passwords for your account at {site}",
		"notice.account.locked.lead":        "Somebody has given a wrong password for your account at {site} too often. Nobody can log in with the password any more, at most in a browser in which you have logged in before.",
		"notice.account.locked.button":      "Ask for a new password",
		"notice.account.locked.note":        "To log in with a password everywhere again, set a new one. The page where you ask for that is always there, and sends you a message to set it with. Do so as well if it was not you who tried: your password was not found out, as far as we know.",
		"notice.account.reclaimed.subject":  "Your account at {site} is yours again",
		"notice.account.reclaimed.lead":     "Whoever reads the mail of {address} has taken over the account at {site} with this address. All ways to log in that it had before were removed, and everybody was logged out.",
	}
}
