package pages

import "strings"

// device says in words what [auth.Session] and [auth.Event] have as Label, which is
// English: "Firefox on Linux", or what the host has put there.
func (p *Pages) device(label string) string {
	if label == "" || label == "Unknown device" {
		return p.texts.text("sessions.unknown")
	}
	if browser, system, ok := strings.Cut(label, " on "); ok {
		return p.texts.text("sessions.device", "browser", browser, "system", system)
	}
	return label
}
