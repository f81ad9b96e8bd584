// With all that is optional: a network, an account for segments that exists, sign-in. Read by scripts/bicep-check.sh,
// never deployed.
using '../main.bicep'

param environmentName = 'check'
param location = 'westeurope'
param segmentStorageAccount = 'stcustomerinsights'
param segmentStorageResourceGroup = 'rg-customer-insights'
param segmentContainers = 'segments,archive'
param principalId = '00000000-0000-0000-0000-000000000001'
param authClientId = '00000000-0000-0000-0000-000000000002'
param settingsFromVault = 'TEAMS_WEBHOOK_URL'
param vnetEnabled = true
param deployerIpAddress = '203.0.113.7'
param purgeProtection = false
param alertEmail = 'oncall@example.com'
