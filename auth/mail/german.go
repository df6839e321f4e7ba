package mail

// German returns the texts in German, for [Options.Translations]:
//
//	Translations: map[string]map[string]string{"de": mail.German()}
//
// The map is the caller's.
func German() map[string]string {
	return map[string]string{
		"html.lang":   "de",
		"html.dir":    "ltr",
		"time.layout": "02.01.2006, 15:04 MST",

		"mail.lead":   "",
		"mail.button": "Weiter",
		"mail.note":   "",
		"mail.link":   "Falls der Knopf nicht geht, kopieren Sie diese Adresse in Ihren Browser:",
		"mail.code":   "Oder geben Sie diesen Code auf der Seite ein, auf der Sie ihn angefordert haben:",
		"mail.footer": "Sie erhalten diese Nachricht wegen Ihres Kontos bei {site} oder weil jemand dort Ihre Adresse eingegeben hat. Sie wurde automatisch an {address} gesendet.",

		"fact.what":   "Was",
		"fact.at":     "Wann",
		"fact.until":  "Bis",
		"fact.device": "Gerät",
		"fact.addr":   "Netzwerkadresse",

		"device.named":   "{browser} unter {system}",
		"device.unknown": "Unbekanntes Gerät",
		"what.email":     "E-Mail-Adresse",
		"what.password":  "Passwort",
		"what.username":  "Benutzername",

		"account.verify.subject": "Bestätigen Sie Ihre E-Mail-Adresse für {site}",
		"account.verify.lead": "Bei {site} gibt es ein Konto mit der Adresse {address}. Wer es angelegt hat, hat festgelegt, wie man sich anmeldet, zum Beispiel mit einem Passwort.\n\n" +
			"Wenn Sie das waren, bestätigen Sie, dass die Adresse Ihnen gehört.",
		"account.verify.button": "Meine Adresse bestätigen",
		"account.verify.note": "Der Link gilt einmal und nur für einige Zeit.\n\n" +
			"Wenn Sie dieses Konto nicht angelegt haben, war es jemand anderes und kennt das Passwort. Bestätigen Sie es dann nicht einfach: Öffnen Sie den Link und geben Sie dort an, dass Sie es nicht waren. Das Konto gehört danach Ihnen, und wer es angelegt hat, kann es nicht mehr benutzen.",

		"account.register.subject": "Schließen Sie Ihre Registrierung bei {site} ab",
		"account.register.lead": "Jemand hat sich bei {site} mit der Adresse {address} registriert und ein Passwort gewählt.\n\n" +
			"Wenn Sie das waren, bestätigen Sie, dass die Adresse Ihnen gehört. Erst dann wird das Konto angelegt.",
		"account.register.button": "Meine Adresse bestätigen",
		"account.register.note": "Der Link gilt einmal und nur für einige Zeit. In einem anderen Browser als dem, mit dem Sie sich registriert haben, werden Sie nach dem gewählten Passwort gefragt.\n\n" +
			"Wenn Sie das nicht waren, tun Sie nichts: Ohne diese Bestätigung wird kein Konto angelegt. Das Passwort hat jemand anderes gewählt, bestätigen Sie es also nicht für ihn.",

		"account.taken.subject": "Sie haben schon ein Konto bei {site}",
		"account.taken.lead": "Jemand hat versucht, sich bei {site} mit der Adresse {address} zu registrieren. Es gibt schon ein Konto mit dieser Adresse, daher wurde kein weiteres angelegt.\n\n" +
			"Wenn Sie das waren, melden Sie sich bei dem Konto an, das Sie haben. Wenn Sie das Passwort vergessen haben, können Sie dort ein neues festlegen.",
		"account.taken.button": "Zu {site}",
		"account.taken.note":   "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Es hat sich nichts geändert.",

		"account.forgot.subject": "Legen Sie ein neues Passwort für {site} fest",
		"account.forgot.lead":    "Jemand möchte ein neues Passwort für Ihr Konto bei {site} festlegen.\n\nWenn Sie das waren, wählen Sie es jetzt.",
		"account.forgot.button":  "Neues Passwort festlegen",
		"account.forgot.note": "Der Link gilt einmal, nur für kurze Zeit und nur, bis Sie einen neuen anfordern.\n\n" +
			"Wenn Sie das nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist. Geben Sie diese Nachricht niemandem, wer auch immer danach fragt.",

		"account.unknown.subject": "Sie haben bei {site} kein Konto mit dieser Adresse",
		"account.unknown.lead": "Jemand möchte bei {site} ein neues Passwort für die Adresse {address} festlegen. Es gibt kein Konto mit dieser Adresse.\n\n" +
			"Wenn Sie das waren, haben Sie sich vielleicht mit einer anderen Adresse registriert, oder Sie melden sich mit einem Konto an, das Sie anderswo haben.",
		"account.unknown.button": "Zu {site}",
		"account.unknown.note":   "Wenn Sie das nicht waren, brauchen Sie nichts zu tun.",

		"account.first-password.subject": "Legen Sie ein Passwort für {site} fest",
		"account.first-password.lead":    "Jemand möchte ein Passwort für Ihr Konto bei {site} festlegen. Bisher hat es keines: Sie melden sich auf andere Weise an.\n\nWenn Sie das waren, wählen Sie es jetzt.",
		"account.first-password.button":  "Passwort festlegen",
		"account.first-password.note": "Der Link gilt einmal, nur für kurze Zeit und nur, bis Sie einen neuen anfordern.\n\n" +
			"Wenn Sie das nicht waren, tun Sie nichts: Ihr Konto bleibt ohne Passwort. Geben Sie diese Nachricht niemandem, wer auch immer danach fragt.",

		"account.email.subject": "Bestätigen Sie Ihre neue E-Mail-Adresse für {site}",
		"account.email.lead": "Jemand möchte, dass {address} von nun an die Adresse seines Kontos bei {site} ist.\n\n" +
			"Wenn Sie das waren, bestätigen Sie, dass die Adresse Ihnen gehört.",
		"account.email.button": "Meine neue Adresse bestätigen",
		"account.email.note": "Der Link gilt einmal und nur für einige Zeit. Bis zur Bestätigung behält Ihr Konto die jetzige Adresse.\n\n" +
			"Wenn Sie das nicht waren, tun Sie nichts: Die Adresse wird dann nicht verwendet.",

		"account.email-taken.subject": "Ihre Adresse gehört schon zu einem anderen Konto bei {site}",
		"account.email-taken.lead": "Jemand möchte, dass {address} von nun an die Adresse seines Kontos bei {site} ist. Das geht nicht: Es gibt ein anderes Konto mit dieser Adresse.\n\n" +
			"Wenn Sie das waren, melden Sie sich bei dem anderen Konto an und ändern Sie dessen Adresse, oder schließen Sie es.",
		"account.email-taken.button": "Zu {site}",
		"account.email-taken.note":   "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Es hat sich nichts geändert.",

		"account.undo.subject": "Die E-Mail-Adresse Ihres Kontos bei {site} wurde geändert",
		"account.undo.lead":    "Die Adresse Ihres Kontos bei {site} ist nicht mehr {address}. Sie ist jetzt {new_address}.",
		"account.undo.button":  "Das war ich nicht: rückgängig machen",
		"account.undo.note": "Wenn Sie das waren, brauchen Sie nichts zu tun.\n\n" +
			"Wenn Sie das nicht waren, öffnen Sie den Link, solange er gilt. Ihre Adresse wird dann zurückgesetzt, alle werden von Ihrem Konto abgemeldet, und wenn Sie sich mit einem Passwort anmelden, bekommen Sie eine Nachricht, mit der Sie ein neues festlegen.",

		"account.closing.subject":    "Ihr Konto bei {site} wird gelöscht",
		"account.closing.lead":       "Ihr Konto bei {site} wurde geschlossen: Niemand kann sich mehr anmelden. Nach einer Frist wird es endgültig gelöscht, mit allem, was dazugehört.",
		"account.closing.fact.until": "Wird gelöscht",
		"account.closing.button":     "Mein Konto behalten",
		"account.closing.note":       "Wenn Sie gehen wollen, brauchen Sie nichts zu tun.\n\nWenn Sie es sich anders überlegt haben oder wenn nicht Sie das Konto geschlossen haben, öffnen Sie den Link, bevor es gelöscht wird. Wenn nicht Sie es waren, ändern Sie danach, womit Sie sich anmelden, etwa Ihr Passwort: Wer es war, kann sich sonst auch wieder anmelden.",

		"account.gone.subject": "Ihr Konto bei {site} wurde gelöscht",
		"account.gone.lead":    "Ihr Konto bei {site} wurde gelöscht, mit allem, was dazugehörte, wie es beim Schließen des Kontos gewünscht war.",
		"account.gone.button":  "Zu {site}",
		"account.gone.note":    "Es kann nicht wiederhergestellt werden. Sie erhalten dazu keine weiteren Nachrichten.",

		"link.login.subject": "Melden Sie sich bei {site} an",
		"link.login.lead":    "Jemand möchte sich per E-Mail bei Ihrem Konto bei {site} anmelden.\n\nWenn Sie das waren, öffnen Sie den Link in dem Browser, in dem Sie ihn angefordert haben.",
		"link.login.button":  "Anmelden",
		"link.login.note": "Der Link gilt einmal, nur für kurze Zeit und nur in diesem Browser.\n\n" +
			"Wenn Sie das nicht waren, tun Sie nichts: Niemand wird angemeldet. Geben Sie diese Nachricht niemandem, wer auch immer danach fragt.",

		"link.unknown.subject": "Sie haben bei {site} kein Konto mit dieser Adresse",
		"link.unknown.lead": "Jemand möchte sich bei {site} mit der Adresse {address} anmelden. Es gibt kein Konto mit dieser Adresse.\n\n" +
			"Wenn Sie das waren, haben Sie sich vielleicht mit einer anderen Adresse registriert.",
		"link.unknown.button": "Zu {site}",
		"link.unknown.note":   "Wenn Sie das nicht waren, brauchen Sie nichts zu tun.",

		"notice.button": "Das war ich nicht",
		"notice.note": "Wenn Sie das waren, brauchen Sie nichts zu tun.\n\n" +
			"Wenn Sie das nicht waren, öffnen Sie den Link, solange er gilt. Alle werden dann von Ihrem Konto abgemeldet, und wenn Sie sich mit einem Passwort anmelden, bekommen Sie eine Nachricht, mit der Sie ein neues festlegen.",

		"notice.device.added.subject":       "Neues Gerät bei {site}",
		"notice.device.added.lead":          "Jemand hat sich bei Ihrem Konto bei {site} mit einem Browser angemeldet, der dafür noch nicht benutzt wurde.",
		"notice.password.changed.subject":   "Ihr Passwort bei {site} wurde geändert",
		"notice.password.changed.lead":      "Das Passwort Ihres Kontos bei {site} wurde von jemandem geändert, der angemeldet war. Ihre anderen Geräte wurden abgemeldet.",
		"notice.password.reset.subject":     "Bei {site} wurde ein neues Passwort festgelegt",
		"notice.password.reset.lead":        "Für Ihr Konto bei {site} wurde ein neues Passwort festgelegt, mit einem Link oder Code aus einer Nachricht an Ihre Adresse. Alle Geräte wurden abgemeldet.",
		"notice.email.verified.subject":     "Ihre E-Mail-Adresse bei {site} wurde bestätigt",
		"notice.email.verified.lead":        "Die Adresse {address} Ihres Kontos bei {site} wurde bestätigt.",
		"notice.email.changed.subject":      "Die E-Mail-Adresse Ihres Kontos bei {site} wurde geändert",
		"notice.email.changed.lead":         "Die Adresse Ihres Kontos bei {site} wurde zu {new_address} geändert.",
		"notice.email.changed.note":         "Wenn Sie das waren, brauchen Sie nichts zu tun.\n\nWenn Sie kein solches Konto kennen, hatte jemand dort Ihre Adresse angegeben. Sie wurde nie bestätigt und hat mit dem Konto nichts mehr zu tun.",
		"notice.email.reverted.subject":     "Die E-Mail-Adresse Ihres Kontos bei {site} wurde zurückgesetzt",
		"notice.email.reverted.lead":        "Eine Änderung der Adresse Ihres Kontos bei {site} wurde rückgängig gemacht, mit einem Link aus einer Nachricht an die vorige Adresse. Alle wurden abgemeldet.",
		"notice.email.reverted.note":        "Wenn das Konto Ihnen gehört, melden Sie sich mit der vorigen Adresse an, oder legen Sie mit ihr ein neues Passwort fest.\n\nSonst brauchen Sie nichts zu tun: Diese Adresse hat mit dem Konto nichts mehr zu tun.",
		"notice.credential.added.subject":   "Bei {site} können Sie sich jetzt auf eine weitere Art anmelden",
		"notice.credential.added.lead":      "Zu Ihrem Konto bei {site} kam eine Art hinzu, sich anzumelden.",
		"notice.credential.added.note":      "Wenn Sie das waren, brauchen Sie nichts zu tun.\n\nWenn Sie das nicht waren, öffnen Sie den Link, solange er gilt. Was hinzukam, wird dann entfernt, alle werden von Ihrem Konto abgemeldet, und wenn Sie sich mit einem Passwort anmelden, bekommen Sie eine Nachricht, mit der Sie ein neues festlegen.",
		"notice.credential.removed.subject": "Bei {site} wurde eine Art der Anmeldung entfernt",
		"notice.credential.removed.lead":    "Von Ihrem Konto bei {site} wurde eine Art entfernt, sich anzumelden.",
		"notice.credential.changed.subject": "Bei {site} wurde eine Art der Anmeldung geändert",
		"notice.credential.changed.lead":    "Bei Ihrem Konto bei {site} wurde eine Art geändert, sich anzumelden.",
		"notice.key.created.subject":        "Bei {site} wurde ein neuer API-Schlüssel erzeugt",
		"notice.key.created.lead":           "Für Ihr Konto bei {site} wurde ein API-Schlüssel erzeugt. Ein Programm, das ihn hat, kann in Ihrem Namen handeln.",
		"notice.key.created.note":           "Wenn Sie das waren, brauchen Sie nichts zu tun.\n\nWenn Sie das nicht waren, öffnen Sie den Link, solange er gilt. Ihre Schlüssel werden dann entfernt, alle werden von Ihrem Konto abgemeldet, und wenn Sie sich mit einem Passwort anmelden, bekommen Sie eine Nachricht, mit der Sie ein neues festlegen.",
		"notice.remember.reused.subject":    "Vielleicht hat jemand Ihre Anmeldung bei {site} kopiert",
		"notice.remember.reused.lead":       "Ein Browser, der bei Ihrem Konto bei {site} angemeldet bleibt, wurde zweimal mit demselben Kennzeichen gesehen. Das geschieht, wenn jemand es von Ihrem Gerät kopiert hat. Die Anmeldung wurde an beiden Stellen beendet.",
		"notice.remember.reused.note":       "Wenn Sie das Profil eines Browsers auf ein anderes Gerät kopiert oder aus einer Sicherung wiederhergestellt haben, war das der Grund, und Sie brauchen nichts zu tun.\n\nSonst öffnen Sie den Link, solange er gilt. Alle werden dann von Ihrem Konto abgemeldet, und wenn Sie sich mit einem Passwort anmelden, bekommen Sie eine Nachricht, mit der Sie ein neues festlegen. Suchen Sie auch nach Schadprogrammen auf Ihrem Gerät.",
		"notice.account.locked.subject":     "Zu viele falsche Passwörter für Ihr Konto bei {site}",
		"notice.account.locked.lead":        "Jemand hat für Ihr Konto bei {site} zu oft ein falsches Passwort eingegeben. Mit dem Passwort kann sich niemand mehr anmelden, höchstens noch in einem Browser, in dem Sie sich schon einmal angemeldet haben.",
		"notice.account.locked.button":      "Neues Passwort anfordern",
		"notice.account.locked.note":        "Um sich wieder überall mit einem Passwort anzumelden, legen Sie ein neues fest. Die Seite, auf der Sie es anfordern, gibt es immer; von ihr bekommen Sie eine Nachricht, mit der Sie es festlegen. Tun Sie das auch, wenn nicht Sie es waren: Soweit wir wissen, wurde Ihr Passwort nicht herausgefunden.",
		"notice.account.reclaimed.subject":  "Ihr Konto bei {site} gehört wieder Ihnen",
		"notice.account.reclaimed.lead":     "Wer die Nachrichten an {address} liest, hat das Konto bei {site} mit dieser Adresse übernommen. Alle Arten der Anmeldung, die es vorher hatte, wurden entfernt, und alle wurden abgemeldet.",
	}
}
