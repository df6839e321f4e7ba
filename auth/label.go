package auth

import "strings"

// deviceLabel returns what people call the device that sends this User-Agent:
// "Firefox on Linux". It is for lists, and never decides anything.
func deviceLabel(userAgent string) string {
	if len(userAgent) > 512 {
		userAgent = userAgent[:512]
	}
	// The lower the index, the better: nearly every browser also claims to be
	// an older one.
	browser, system := len(browserMarks), len(systemMarks)
	start := true
	for i := range len(userAgent) {
		c := userAgent[i]
		if start && c >= 'A' && c <= 'p' {
			rest := userAgent[i:]
			browser = firstMark(rest, browserMarks[:browser])
			system = firstMark(rest, systemMarks[:system])
		}
		start = c == ' ' || c == '(' || c == ';'
	}
	switch {
	case browser < len(browserMarks) && system < len(systemMarks):
		return browserMarks[browser].name + " on " + systemMarks[system].name
	case browser < len(browserMarks):
		return browserMarks[browser].name
	case system < len(systemMarks):
		return systemMarks[system].name
	}
	return "Unknown device"
}

type mark struct{ in, name string }

// firstMark returns the index of the first mark that word begins with, or how
// many marks there are.
func firstMark(word string, marks []mark) int {
	for i := range marks {
		if in := marks[i].in; in[0] == word[0] && strings.HasPrefix(word, in) {
			return i
		}
	}
	return len(marks)
}

var browserMarks = [...]mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
	{"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"},
	{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"HeadlessChrome/", "Chrome"}, {"Safari/", "Safari"},
	{"curl/", "curl"}, {"Go-http-client/", "Go program"}, {"python-requests/", "Python program"},
}

var systemMarks = [...]mark{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
	{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}
