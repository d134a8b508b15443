package eventmatch

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"

	"github.com/activity-core/activity-core/internal/envelope"
)

// BenchmarkMatchDecoded measures what the router does with each message before the ledger: it
// reads the envelope, proves that the payload is JSON, and matches. The baseline is matching
// alone, in the same run.
func BenchmarkMatchDecoded(b *testing.B) {
	table := map[string]figures{}
	header := envelope.Header{"Nats-Msg-Id": {"e-12-34567"}}
	for _, size := range payloadSizes {
		for _, n := range []int{10_000, 100_000} {
			v := newVocabulary(800)
			ix := filled(b, v, n)
			events := v.events(b, 2048, size.files...)
			messages := make([][]byte, len(events))
			index := make(map[*Event]int, len(events))
			for i, ev := range events {
				index[ev] = i
				messages[i] = fmt.Appendf(nil, `{"event_id":"e-12-%05d","type":%q,"source":"github","time":"2026-03-01T09:30:00Z","payload":%s}`, i, ev.Type, ev.Payload)
			}
			var read Event
			decoded := func(ev *Event, dst []ID) ([]ID, error) {
				e, err := envelope.Decode(header, messages[index[ev]])
				if err != nil {
					return dst, err
				}
				read = Event{Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload}
				return ix.Match(&read, dst)
			}
			for name, way := range map[string]func(*Event, []ID) ([]ID, error){"match": ix.Match, "decode-and-match": decoded} {
				name := fmt.Sprintf("%s/%d/%s", size.name, n, name)
				b.Run(name, func(b *testing.B) { table[name] = measure(b, events, way) })
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "payload\tdefinitions\tmatches/event\tmatch ev/s\tdecode and match ev/s\tratio\t")
	for _, size := range payloadSizes {
		for _, n := range []int{10_000, 100_000} {
			alone, both := table[fmt.Sprintf("%s/%d/match", size.name, n)], table[fmt.Sprintf("%s/%d/decode-and-match", size.name, n)]
			if alone.perSecond > 0 {
				fmt.Fprintf(w, "%s\t%d\t%.2f\t%.0f\t%.0f\t%.2fx\t\n", size.name, n, alone.matches, alone.perSecond, both.perSecond, both.perSecond/alone.perSecond)
			}
		}
	}
	w.Flush()
}
