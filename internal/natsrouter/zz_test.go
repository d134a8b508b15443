package natsrouter
import ("testing";"time";"fmt";"strings";"sync/atomic"
"github.com/nats-io/nats.go/jetstream"
activitycore "github.com/activity-core/activity-core")
func TestZZ(t *testing.T) {
	w := newWorld(t, StreamOptions{})
	const events=60000
	batch := make([]activitycore.Event, events)
	for n := range batch { batch[n]=event(fmt.Sprintf("e-%d",n),"bench",map[string]any{"repository":map[string]any{"id":n*1000+1},"text":strings.Repeat("lorem ",70)}) }
	w.publish(batch...)
	mk := func(name string) jetstream.Consumer {
		cfg := routerConsumer(StreamOptions{}.withDefaults()); cfg.Durable=name
		c,err := w.js.CreateConsumer(t.Context(), activitycore.EventStream, cfg); if err!=nil {t.Fatal(err)}
		return c
	}
	wait := func(c jetstream.Consumer){ for { i,_:=c.Info(t.Context()); if i.AckFloor.Stream==events {return}; time.Sleep(2*time.Millisecond)} }
	fetch := func(name string, n, par int) {
		c := mk(name); var got atomic.Int64
		b := time.Now()
		for range par { go func(){ for got.Load()<events { ms,err:=c.Fetch(n, jetstream.FetchMaxWait(500*time.Millisecond)); if err!=nil {t.Error(err);return}; for m := range ms.Messages(){ m.Ack(); got.Add(1)} } }() }
		wait(c)
		t.Logf("%s %.0f/s", name, events/time.Since(b).Seconds())
	}
	route := func(name string, batch, inflight int) {
		w.js.DeleteConsumer(t.Context(), activitycore.EventStream, activitycore.RouterDurable)
		c := mk(activitycore.RouterDurable)
		r := w.router(newStarts(), func(c *Config){c.Batch=batch;c.MaxInFlight=inflight})
		b := time.Now()
		if err:=r.Start(t.Context());err!=nil{t.Fatal(err)}
		wait(c)
		t.Logf("%s %.0f/s", name, events/time.Since(b).Seconds())
		w.stop(r)
	}
	for k := range 2 {
	fetch(fmt.Sprintf("f256-1-%d",k),256,1)
	fetch(fmt.Sprintf("f256-2-%d",k),256,2)
	fetch(fmt.Sprintf("f1024-1-%d",k),1024,1)
	fetch(fmt.Sprintf("f1024-2-%d",k),1024,2)
	{
		c:=mk(fmt.Sprintf("cons-%d",k)); b:=time.Now()
		cc,_:=c.Consume(func(m jetstream.Msg){m.Ack()}); wait(c); cc.Stop()
		t.Logf("consume %.0f/s", events/time.Since(b).Seconds())
	}
	route("r256/1024",256,1024)
	route("r256/2048",256,2048)
	route("r512/2048",512,2048)
	}
}
