package auth

import "strings"

// deviceLabel returns what people call the device that sends this User-Agent:
// "Firefox on Linux". It is for lists, and never decides anything.
func deviceLabel(userAgent string) string {
	if len(userAgent) > 512 {
		userAgent = userAgent[:512]
	}
	browser, system := firstMark(userAgent, browserMarks[:]), firstMark(userAgent, systemMarks[:])
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	case system != "":
		return system
	}
	return "Unknown device"
}

type mark struct{ in, name string }

func firstMark(userAgent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m.in) {
			return m.name
		}
	}
	return ""
}

// The order matters: nearly every browser also claims to be an older one.
var browserMarks = [...]mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
	{"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"},
	{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	{"curl/", "curl"}, {"Go-http-client/", "Go program"}, {"python-requests/", "Python program"},
}

var systemMarks = [...]mark{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
	{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}
