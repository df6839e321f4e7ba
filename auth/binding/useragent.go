package binding

import (
	"net/http"
	"net/netip"

	"github.com/gatehouse-go/gatehouse/internal/device"
)

// UserAgent sees the family of the browser and the system, such as "Firefox on
// Linux", in the first 512 bytes of the User-Agent, and nothing if it knows neither.
// Browsers and systems update themselves without a change. Somebody who
// asks for the desktop version of a site on a phone or tablet, or lets the developer
// tools pretend to be one, is seen to change.
//
// It goes into auth.Binding as it is. A new version of Gatehouse may know more
// devices: sessions that are bound when that happens are then not bound by it.
func UserAgent(r *http.Request, _ netip.Addr) string {
	name := device.Name(r.UserAgent())
	if name == "" {
		return ""
	}
	return "user agent " + device.Version + "\n" + name
}
