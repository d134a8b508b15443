// Package temporalrun owns one firing of a definition once its cause is known: the workflow
// RunActivityWorkflow with its activities, the worker that carries them, the starter that
// begins runs and the sweeper that finds causes whose start was lost. It must not decide when
// something fires (Temporal's schedules and the event router do), nor know how an action
// reaches the outside world (the [Actions] port does).
//
// A run is Begin → Plan → CarryOut → Finish. What is decided is decided in activities and
// stored once; the workflow only walks through the stored plan, so a new version of the
// evaluator never breaks the replay of an old run. A run whose actions are a few tasks is done
// entirely inside Begin: one workflow task, one local activity.
package temporalrun
