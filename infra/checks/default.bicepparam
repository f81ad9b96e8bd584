// What `azd up` makes where nothing is set: read by scripts/bicep-check.sh, never deployed.
using '../main.bicep'

param environmentName = 'check'
param location = 'westeurope'
