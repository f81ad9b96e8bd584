metadata description = 'What wakes somebody. docs/operate.md says what each one means and what to do.'

param actionGroupName string
param rulePrefix string
param location string
param tags object
param workspaceId string
param email string
param noSuccessHours int
param timerSilentMinutes int
param rejectedPercent int

// The windows overlap their frequency: a log line may come in some minutes late.
// A rule counts the rows inside its window, which ends some time before its query runs: a query for what is absent
// makes a row of its own, and puts it into the middle of the window.
// https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule
// `splitBy` makes it one alert for each export, whose name then stands in the message.
var rules = [
  {
    name: 'run-failed'
    title: 'Segment Export: a run failed, or a guard holds it'
    description: 'A run ended as failed, or a guard holds it until a person approves it. What to do: segment-export status EXPORT, or docs/operate.md.'
    severity: 1
    query: loadTextContent('../queries/run-failed.kql')
    frequency: 'PT5M'
    window: 'PT15M'
    range: 'PT15M'
    threshold: 0
    splitBy: 'Export'
  }
  {
    name: 'poison'
    title: 'Segment Export: a message was given up'
    description: 'A step failed ten times: export_poison has ended its run or, where storage was away or workers died, sent the step again; or a notice did, which export_notices_poison sends again for six hours.'
    severity: 1
    query: loadTextContent('../queries/poison.kql')
    frequency: 'PT15M'
    window: 'PT30M'
    range: 'PT30M'
    threshold: 0
    splitBy: ''
  }
  {
    name: 'host-stopped'
    title: 'Segment Export: the Functions host stops again and again'
    description: 'Stops in more than two stretches of five minutes in half an hour: the app\'s own storage refuses it (403) or is away, or a function runs out of time.'
    severity: 1
    query: loadTextContent('../queries/host-stopped.kql')
    frequency: 'PT15M'
    window: 'PT30M'
    range: 'PT30M'
    threshold: 2
    splitBy: ''
  }
  // How much later than the first of the hours an export's first turn may be: as long as the timer pauses. At most half
  // of them, or an export that was made a moment ago would be late.
  {
    name: 'no-success'
    title: 'Segment Export: no run of an export has succeeded in ${noSuccessHours} hours'
    description: 'Nothing of this export has reached Brevo for longer than its schedule allows: no new segments, or a run that hangs.'
    severity: 1
    query: replace(replace(loadTextContent('../queries/no-success.kql'), '{hours}', string(noSuccessHours)), '{minutes}', string(min(timerSilentMinutes, noSuccessHours * 30)))
    frequency: 'PT15M'
    window: 'PT1H'
    range: 'P2D'
    threshold: 0
    splitBy: 'Export'
  }
  {
    name: 'timer-stopped'
    title: 'Segment Export: the timer has not run for ${timerSilentMinutes} minutes'
    description: 'timer_export was not called, or failed each time: an app that does not start, or a configuration that is not valid. No schedule starts anything, and no run is driven on.'
    severity: 1
    query: replace(loadTextContent('../queries/timer-stopped.kql'), '{minutes}', string(timerSilentMinutes))
    frequency: 'PT15M'
    window: 'PT1H'
    range: 'P2D'
    threshold: 0
    splitBy: ''
  }
  {
    name: 'rejected-share'
    title: 'Segment Export: more than ${rejectedPercent} % of a run\'s rows were rejected'
    description: 'The run went through, without these customers. segment-export rejects EXPORT names each row of its last run, and the reason.'
    severity: 2
    query: replace(loadTextContent('../queries/rejected-share.kql'), '{percent}', string(rejectedPercent))
    frequency: 'PT15M'
    window: 'PT30M'
    range: 'PT30M'
    threshold: 0
    splitBy: 'Export'
  }
  {
    name: 'throttled'
    title: 'Segment Export: Brevo\'s rate limit holds runs up'
    description: 'More than 20 steps in an hour waited for Brevo\'s rate limit. Runs go on by themselves, more slowly.'
    severity: 3
    query: loadTextContent('../queries/throttled.kql')
    frequency: 'PT15M'
    window: 'PT1H'
    range: 'PT1H'
    threshold: 20
    splitBy: ''
  }
]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'SegExport'
    enabled: true
    emailReceivers: empty(email) ? [] : [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${rulePrefix}${rule.name}-${actionGroupName}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: rule.frequency
    windowSize: rule.window
    overrideQueryTimeRange: rule.range == rule.window ? null : rule.range
    skipQueryValidation: true // the tables appear with their first row
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          dimensions: empty(rule.splitBy) ? [] : [
            {
              name: rule.splitBy
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          operator: 'GreaterThan'
          threshold: rule.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}]
