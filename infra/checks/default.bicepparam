// What `azd up` makes without a network, with an account for segments. Read by scripts/bicep-check.sh, never deployed.
using '../main.bicep'

param environmentName = 'check'
param location = 'westeurope'
param customerInsightsPrincipalId = '00000000-0000-0000-0000-000000000003'
