package main

import "github.com/gatehouse-go/gatehouse/pages"

// A site is a set of options that all exhibits are shown with.
type site struct {
	name  string
	whole bool // the others have the same layout
	opts  *pages.Options
}

func sites() []site {
	return []site{
		{"plain", true, &pages.Options{Site: "Meadow"}},
		{"de", false, &pages.Options{Site: "Wiese", Texts: pages.German()}},
		{"rtl", false, &pages.Options{Site: "Meadow", Texts: pages.PseudoRTL()}},
		{"own", false, &pages.Options{ // right to left, a logo, another colour, long words
			Site: "Bundesausbildungsförderungsgesetzantragsverwaltung",
			Logo: `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%230f766e'/%3E%3Cpath d='M9 25V15a7 7 0 0 1 14 0v10' fill='none' stroke='white' stroke-width='3'/%3E%3C/svg%3E`,
			CSS: ":root { --accent: #0f766e; --fill: #0f766e }\n" +
				"@media (prefers-color-scheme: dark) { :root { --accent: #5eead4; --fill: #0f766e } }",
			Texts: map[string]string{
				"html.dir":       "rtl",
				"html.lang":      "de",
				"field.email":    "Datenschutzbeauftragtenemailadressfeldbezeichnung",
				"login.title":    "Benutzerkontoanmeldungsbestätigungsverfahren",
				"login.lead":     "Eine längere Erklärung, die über mehrere Zeilen geht, damit man sieht, wie sie umbricht.",
				"time.layout":    "02.01.2006 15:04 MST",
				"account.logout": "Von diesem Benutzerkonto endgültig abmelden",
			},
		}},
	}
}
