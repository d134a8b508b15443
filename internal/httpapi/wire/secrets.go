package wire

import "time"

// SecretValue is the body of PUT /secrets/{name}.
type SecretValue struct {
	Value string `json:"value" doc:"the secret itself, 1 byte to 64 KiB of text"`
	// Hosts are where it may be sent: example.com (https at port 443), example.com:8443 (that port,
	// http too) or *.example.com.
	Hosts []string `json:"hosts" minItems:"1" maxItems:"100" doc:"where it may be sent: example.com (https at port 443), example.com:8443 (that port, http too) or *.example.com"`
}

// Secret is what the API tells of a secret: never its value.
type Secret struct {
	Name      string    `json:"name"`
	Hosts     []string  `json:"hosts"`
	UpdatedAt time.Time `json:"updated_at"`
}
