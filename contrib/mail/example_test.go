package smtpmail_test

import (
	"fmt"

	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// The DSN is a secret: it comes from where the site keeps those.
func ExampleNew() {
	smtp, err := smtpmail.New("smtps://app:s3cr3t@mail.example.com", &smtpmail.Options{From: "The App <no-reply@app.example>"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ mail.Mailer = smtp // for mail.New

	_, err = smtpmail.New("smtp://app:s3cr3t@mail.example.com/?tls=never", &smtpmail.Options{From: "no-reply@app.example, eve@example.com"})
	fmt.Println(err)
	// Output:
	// smtpmail: the DSN has more than user, password, host and port
	// smtpmail: Options.From is "no-reply@app.example, eve@example.com": want one address such as "The App <no-reply@app.example>"
}
