package auth

import "github.com/gatehouse-go/gatehouse/internal/device"

// deviceLabel returns what people call the device that sends this User-Agent:
// "Firefox on Linux". It is for lists, and never decides anything.
func deviceLabel(userAgent string) string {
	if name := device.Name(userAgent); name != "" {
		return name
	}
	return "Unknown device"
}
